"""The language that each choice of mailed figures is written in: that of whoever made it."""

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("figure_mails", sa.Column("language", sa.Text(), nullable=False, server_default="en"))
