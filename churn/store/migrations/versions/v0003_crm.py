"""The CRM push: runs, outbox, acknowledged records, ids, rejections, mapping changes, cursors, budgets."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_ID = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    _create_runs()
    _create_records()
    _create_rest()


def _create_runs() -> None:
    op.create_table(
        "sync_runs",
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("connector", sa.Text(), nullable=False),
        sa.Column("campaign", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("mode", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("is_full", sa.Boolean(), nullable=False),
        sa.Column("mapping", sa.JSON(), nullable=False),
        sa.Column("model_version", sa.Text()),
        sa.Column("score_run_id", sa.Text()),
        sa.Column("list_size", sa.Integer(), nullable=False),
        sa.Column("holder", sa.Text(), nullable=False),
        sa.Column("started_at", sa.DateTime(), nullable=False),
        sa.Column("finished_at", sa.DateTime()),
        sa.Column("counts", sa.JSON(), nullable=False),
        sa.Column("error", sa.Text()),
        sa.CheckConstraint("state in ('running', 'done', 'partial', 'failed', 'abandoned')", name="ck_sync_runs_state"),
        sa.PrimaryKeyConstraint("run_id", name="pk_sync_runs"),
    )
    op.create_index("ix_sync_runs_connector", "sync_runs", ["connector", "campaign", "started_at"])
    op.create_table(
        "outbox",
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("customer_id", _ID, nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("payload", sa.Text(), nullable=False),
        sa.Column("changed", sa.Text()),
        sa.Column("payload_hash", sa.Text(), nullable=False),
        sa.Column("exact_hash", sa.Text(), nullable=False),
        sa.Column("churn_probability", sa.Double()),
        sa.Column("percentile", sa.Double()),
        sa.Column("expected_profit", sa.Double()),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("code", sa.Text()),
        sa.Column("message", sa.Text()),
        sa.ForeignKeyConstraint(["run_id"], ["sync_runs.run_id"], name="fk_outbox_run_id"),
        sa.CheckConstraint("state in ('pending', 'sending', 'done', 'rejected', 'unknown')", name="ck_outbox_state"),
        sa.CheckConstraint("action in ('write', 'clear', 'mark')", name="ck_outbox_action"),
        sa.PrimaryKeyConstraint("run_id", "customer_id", name="pk_outbox"),
    )
    op.create_index("ix_outbox_run_id", "outbox", ["run_id", "state", "position"])


def _create_records() -> None:
    op.create_table(
        "crm_records",
        sa.Column("connector", sa.Text(), nullable=False),
        sa.Column("campaign", sa.Text(), nullable=False),
        sa.Column("customer_id", _ID, nullable=False),
        sa.Column("acknowledged", sa.Text(), nullable=False),
        sa.Column("exact_hash", sa.Text(), nullable=False),
        sa.Column("churn_probability", sa.Double()),
        sa.Column("percentile", sa.Double()),
        sa.Column("expected_profit", sa.Double()),
        sa.Column("is_uncertain", sa.Boolean(), nullable=False),
        sa.Column("is_marked", sa.Boolean(), nullable=False),
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("acknowledged_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("connector", "campaign", "customer_id", name="pk_crm_records"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_crm_records_customer_id", "crm_records", ["connector", "customer_id"])
    op.create_table(
        "crm_ids",
        sa.Column("connector", sa.Text(), nullable=False),
        sa.Column("customer_id", _ID, nullable=False),
        sa.Column("remote_id", _ID, nullable=False),
        sa.Column("seen_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("connector", "customer_id", name="pk_crm_ids"),
    )
    op.create_index("ix_crm_ids_remote_id", "crm_ids", ["connector", "remote_id"])
    op.create_table(
        "crm_rejections",
        sa.Column("connector", sa.Text(), nullable=False),
        sa.Column("campaign", sa.Text(), nullable=False),
        sa.Column("customer_id", _ID, nullable=False),
        sa.Column("payload_hash", sa.Text(), nullable=False),
        sa.Column("code", sa.Text()),
        sa.Column("field", sa.Text()),
        sa.Column("message", sa.Text()),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("is_held", sa.Boolean(), nullable=False),
        sa.Column("first_seen_at", sa.DateTime(), nullable=False),
        sa.Column("last_seen_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("connector", "campaign", "customer_id", name="pk_crm_rejections"),
    )


def _create_rest() -> None:
    op.create_table(
        "crm_mappings",
        sa.Column("change_id", sa.Integer(), nullable=False),
        sa.Column("connector", sa.Text(), nullable=False),
        sa.Column("campaign", sa.Text(), nullable=False),
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("mapping", sa.JSON(), nullable=False),
        sa.Column("previous", sa.JSON()),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("changed_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("change_id", name="pk_crm_mappings"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "crm_cursors",
        sa.Column("connector", sa.Text(), nullable=False),
        sa.Column("cursor", sa.Text()),
        sa.Column("read_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("connector", name="pk_crm_cursors"),
    )
    op.create_table(
        "crm_budgets",
        sa.Column("connector", sa.Text(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("requests", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("connector", "day", name="pk_crm_budgets"),
    )
