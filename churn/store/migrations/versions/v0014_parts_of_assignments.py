"""What the rates of an offer act on, kept with each assignment, so that its measurement can learn them by cause."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("assignments", sa.Column("voluntary_part", sa.Double()))
    op.add_column("assignments", sa.Column("involuntary_part", sa.Double()))
