"""What the monitors found on each day, kept for trends."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "monitoring_runs",
        sa.Column("monitoring_id", sa.Integer(), nullable=False),
        sa.Column("on_date", sa.Date(), nullable=False),
        sa.Column("model_version", sa.Text()),
        sa.Column("monitored_at", sa.DateTime(), nullable=False),
        sa.Column("severity", sa.Text(), nullable=False),
        sa.Column("trend", sa.JSON(), nullable=False),
        sa.Column("document", sa.JSON(), nullable=False),
        sa.CheckConstraint("severity in ('ok', 'watch', 'act', 'unknown')", name="ck_monitoring_runs_severity"),
        sa.PrimaryKeyConstraint("monitoring_id", name="pk_monitoring_runs"),
        sa.UniqueConstraint("on_date", name="uq_monitoring_runs_on_date"),
        sqlite_autoincrement=True,
    )
