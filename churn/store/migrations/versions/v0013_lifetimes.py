"""What is said of months ahead, beside each score: chances of leaving, months kept, and the months that a save keeps."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

_COLUMNS = (
    "churn_within_30d",
    "churn_within_90d",
    "churn_within_180d",
    "churn_within_360d",
    "months_kept",
    "months_kept_low",
    "months_kept_high",
    "months_after_save",
)


def upgrade() -> None:
    for name in _COLUMNS:  # a list published before says nothing of them
        op.add_column("scores", sa.Column(name, sa.Double()))
