"""The part of each churn probability that is involuntary; empty where a model does not know the causes of churn."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("scores", sa.Column("involuntary_probability", sa.Double()))
