"""The outcome window of each plan in a column of its own: until now it was looked up in what had gone into the plan."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_plans = sa.table(
    "campaign_plans",
    sa.column("plan_id", sa.Text()),
    sa.column("inputs", sa.JSON()),
    sa.column("definition", sa.JSON()),
    sa.column("window_days", sa.Integer()),
)
_DEFAULT_DAYS = 30  # [churn] horizon_days unless set; every plan that `churn plan` made says its own


def upgrade() -> None:
    # SQLite adds a column that may not be null only with a default; every plan is given its own value right after.
    op.add_column("campaign_plans", sa.Column("window_days", sa.Integer(), nullable=False, server_default="0"))
    connection = op.get_bind()
    for plan in connection.execute(sa.select(_plans.c.plan_id, _plans.c.inputs, _plans.c.definition)).all():
        days = plan.inputs.get("window_days") or plan.definition.get("window_days") or _DEFAULT_DAYS
        connection.execute(sa.update(_plans).where(_plans.c.plan_id == plan.plan_id).values(window_days=int(days)))
