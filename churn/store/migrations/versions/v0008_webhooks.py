"""Events on their way to subscribers, and a quick way to the newest entries of the audit log by who and what."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "webhook_deliveries",
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("subscription", sa.Text(), nullable=False),
        sa.Column("document", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_attempt_at", sa.DateTime(), nullable=False),
        sa.Column("finished_at", sa.DateTime()),
        sa.Column("error", sa.Text()),
        sa.CheckConstraint("state in ('waiting', 'delivered', 'given_up')", name="ck_webhook_deliveries_state"),
        sa.PrimaryKeyConstraint("event_id", "subscription", name="pk_webhook_deliveries"),
    )
    op.create_index("ix_webhook_deliveries_state", "webhook_deliveries", ["state", "next_attempt_at"])
    op.create_index("ix_audit_log_action", "audit_log", ["action", "entry_id"])
