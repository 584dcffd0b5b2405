"""What the data say about contacting each scored customer, so that whoever may not be contacted is not counted on."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("scores", sa.Column("contact_facts", sa.Text()))
