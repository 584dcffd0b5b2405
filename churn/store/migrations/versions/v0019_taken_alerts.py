"""Who looks after an alert, and until when nobody wants to be told of it again."""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for column in (
        sa.Column("taken_by", sa.Text()),
        sa.Column("taken_at", sa.DateTime()),
        sa.Column("muted_until", sa.DateTime()),
    ):
        op.add_column("alerts", column)
