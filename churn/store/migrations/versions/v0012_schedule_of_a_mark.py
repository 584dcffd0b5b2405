"""The schedule by which a mark was set: one that is changed must not skip a date."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("schedule_marks", sa.Column("schedule", sa.Text()))
