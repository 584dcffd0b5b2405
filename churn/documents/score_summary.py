"""One score run summed up, as the overview, the risk list and customers' pages read it."""

from __future__ import annotations

from datetime import date, datetime

from pydantic import ConfigDict

from churn.decisions.bands import Band
from churn.documents.churn_month import ChurnMonth
from churn.documents.document import Document


class BandSummary(Document):
    """The customers of one risk band; the expected loss is the sum of probability times monthly fee."""

    band: Band
    customers: int
    listed: int
    monthly_revenue: float
    expected_revenue_loss: float


class UsualValues(Document):
    """The 5th, 50th and 95th percentile of a feature."""

    low: float
    middle: float
    high: float


class ScoreSummary(Document):
    """A run in figures. What another version of churn added is passed over.

    `base_probability` is where every customer's reasons start from; `turnover` the share of the list before that has
    left it. `bands` begin with the lowest, `months` with the oldest; `features` are the numeric ones.
    """

    model_config = ConfigDict(extra="ignore")

    run_id: str
    snapshot_date: date
    model_version: str
    data_cutoff: datetime
    customers: int
    listed: int
    turnover: float | None
    base_probability: float
    mean_probability: float
    monthly_revenue: float
    expected_revenue_loss: float
    listed_revenue: float
    listed_expected_loss: float
    horizon_days: int
    bands: tuple[BandSummary, ...]
    plans: tuple[str, ...]
    months: tuple[ChurnMonth, ...]
    features: dict[str, UsualValues]
    listed_contactable: int | None = None  # of those listed, who might be contacted when they were scored

    @property
    def knows_fees(self) -> bool:
        """Whether anybody's monthly fee is known: without one, revenue is not 0, it is unknown."""
        return self.monthly_revenue > 0
