from churn.home import Home as Home
from churn.home import open as open  # noqa: A004  # said as churn.open

__version__: str
