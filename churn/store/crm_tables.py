"""The tables of the CRM push: runs, the outbox, what each system acknowledged, ids, rejections, cursors and budgets."""

from __future__ import annotations

import sqlalchemy as sa

from churn.store.tables import metadata

# Byte order everywhere, as in the first tables.
_Id = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")

sync_runs = sa.Table(
    "sync_runs",
    metadata,
    sa.Column("run_id", sa.Text, primary_key=True),
    sa.Column("connector", sa.Text, nullable=False),
    sa.Column("campaign", sa.Text, nullable=False),
    sa.Column("action", sa.Text, nullable=False),
    sa.Column("mode", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("is_full", sa.Boolean, nullable=False),
    sa.Column("mapping", sa.JSON, nullable=False),
    sa.Column("model_version", sa.Text),
    sa.Column("score_run_id", sa.Text),
    sa.Column("list_size", sa.Integer, nullable=False),
    sa.Column("holder", sa.Text, nullable=False),
    sa.Column("started_at", sa.DateTime, nullable=False),
    sa.Column("finished_at", sa.DateTime),
    sa.Column("counts", sa.JSON, nullable=False),
    sa.Column("error", sa.Text),
    sa.CheckConstraint("state in ('running', 'done', 'partial', 'failed', 'abandoned')", name="state"),
)
sa.Index("ix_sync_runs_connector", sync_runs.c.connector, sync_runs.c.campaign, sync_runs.c.started_at)

# A row is here before it is sent, so that a killed run leaves behind what may have reached the other side.
outbox = sa.Table(
    "outbox",
    metadata,
    sa.Column("run_id", sa.Text, sa.ForeignKey("sync_runs.run_id"), primary_key=True),
    sa.Column("customer_id", _Id, primary_key=True),
    sa.Column("position", sa.Integer, nullable=False),
    sa.Column("action", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("payload", sa.Text, nullable=False),
    sa.Column("changed", sa.Text),
    sa.Column("payload_hash", sa.Text, nullable=False),
    sa.Column("exact_hash", sa.Text, nullable=False),
    sa.Column("churn_probability", sa.Double),
    sa.Column("percentile", sa.Double),
    sa.Column("expected_profit", sa.Double),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("code", sa.Text),
    sa.Column("message", sa.Text),
    sa.CheckConstraint("state in ('pending', 'sending', 'done', 'rejected', 'unknown')", name="state"),
    sa.CheckConstraint("action in ('write', 'clear', 'mark')", name="action"),
)
sa.Index("ix_outbox_run_id", outbox.c.run_id, outbox.c.state, outbox.c.position)

# What the other side has said yes to. `is_uncertain`: it may hold something else, so the next run writes it whole.
crm_records = sa.Table(
    "crm_records",
    metadata,
    sa.Column("connector", sa.Text, primary_key=True),
    sa.Column("campaign", sa.Text, primary_key=True),
    sa.Column("customer_id", _Id, primary_key=True),
    sa.Column("acknowledged", sa.Text, nullable=False),
    sa.Column("exact_hash", sa.Text, nullable=False),
    sa.Column("churn_probability", sa.Double),
    sa.Column("percentile", sa.Double),
    sa.Column("expected_profit", sa.Double),
    sa.Column("is_uncertain", sa.Boolean, nullable=False),
    sa.Column("is_marked", sa.Boolean, nullable=False),
    sa.Column("run_id", sa.Text, nullable=False),
    sa.Column("acknowledged_at", sa.DateTime, nullable=False),
    sqlite_with_rowid=False,  # kept in the order of the key, so that a million are read in one sweep
)
sa.Index("ix_crm_records_customer_id", crm_records.c.connector, crm_records.c.customer_id)

crm_ids = sa.Table(
    "crm_ids",
    metadata,
    sa.Column("connector", sa.Text, primary_key=True),
    sa.Column("customer_id", _Id, primary_key=True),
    sa.Column("remote_id", _Id, nullable=False),
    sa.Column("seen_at", sa.DateTime, nullable=False),
)
sa.Index("ix_crm_ids_remote_id", crm_ids.c.connector, crm_ids.c.remote_id)

crm_rejections = sa.Table(
    "crm_rejections",
    metadata,
    sa.Column("connector", sa.Text, primary_key=True),
    sa.Column("campaign", sa.Text, primary_key=True),
    sa.Column("customer_id", _Id, primary_key=True),
    sa.Column("payload_hash", sa.Text, nullable=False),
    sa.Column("code", sa.Text),
    sa.Column("field", sa.Text),
    sa.Column("message", sa.Text),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("is_held", sa.Boolean, nullable=False),
    sa.Column("first_seen_at", sa.DateTime, nullable=False),
    sa.Column("last_seen_at", sa.DateTime, nullable=False),
)

crm_mappings = sa.Table(
    "crm_mappings",
    metadata,
    sa.Column("change_id", sa.Integer, primary_key=True),
    sa.Column("connector", sa.Text, nullable=False),
    sa.Column("campaign", sa.Text, nullable=False),
    sa.Column("run_id", sa.Text, nullable=False),
    sa.Column("mapping", sa.JSON, nullable=False),
    sa.Column("previous", sa.JSON),
    sa.Column("who", sa.Text, nullable=False),
    sa.Column("changed_at", sa.DateTime, nullable=False),
    sqlite_autoincrement=True,
)

crm_cursors = sa.Table(
    "crm_cursors",
    metadata,
    sa.Column("connector", sa.Text, primary_key=True),
    sa.Column("cursor", sa.Text),
    sa.Column("read_at", sa.DateTime, nullable=False),
)

crm_budgets = sa.Table(
    "crm_budgets",
    metadata,
    sa.Column("connector", sa.Text, primary_key=True),
    sa.Column("day", sa.Date, primary_key=True),
    sa.Column("requests", sa.Integer, nullable=False),
)
