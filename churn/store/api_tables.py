"""The tables of the service: who may call it, which writes were answered already, and who did what."""

from __future__ import annotations

import sqlalchemy as sa

from churn.store.tables import metadata

# Only a hash of the secret is kept: whoever reads the store cannot call the service.
api_keys = sa.Table(
    "api_keys",
    metadata,
    sa.Column("key_id", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, nullable=False, unique=True),
    sa.Column("secret_hash", sa.Text, nullable=False),
    sa.Column("scopes", sa.JSON, nullable=False),
    sa.Column("created_at", sa.DateTime, nullable=False),
    sa.Column("last_used_at", sa.DateTime),
    sa.Column("revoked_at", sa.DateTime),
)

idempotent_requests = sa.Table(
    "idempotent_requests",
    metadata,
    sa.Column("key_id", sa.Text, primary_key=True),
    sa.Column("idempotency_key", sa.Text, primary_key=True),
    sa.Column("request_hash", sa.Text, nullable=False),
    sa.Column("started_at", sa.DateTime, nullable=False),
    sa.Column("status", sa.Integer),
    sa.Column("answer", sa.JSON),
)

audit_log = sa.Table(
    "audit_log",
    metadata,
    sa.Column("entry_id", sa.Integer, primary_key=True),
    sa.Column("done_at", sa.DateTime, nullable=False),
    sa.Column("who", sa.Text, nullable=False),
    sa.Column("action", sa.Text, nullable=False),
    sa.Column("subject", sa.Text, nullable=False),
    sa.Column("request_id", sa.Text),
    sqlite_autoincrement=True,
)
sa.Index("ix_audit_log_action", audit_log.c.action, audit_log.c.entry_id)

webhook_deliveries = sa.Table(
    "webhook_deliveries",
    metadata,
    sa.Column("event_id", sa.Text, primary_key=True),
    sa.Column("subscription", sa.Text, primary_key=True),
    sa.Column("document", sa.JSON, nullable=False),
    sa.Column("created_at", sa.DateTime, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("next_attempt_at", sa.DateTime, nullable=False),
    sa.Column("finished_at", sa.DateTime),
    sa.Column("error", sa.Text),
    sa.CheckConstraint("state in ('waiting', 'delivered', 'given_up')", name="state"),
)
sa.Index("ix_webhook_deliveries_state", webhook_deliveries.c.state, webhook_deliveries.c.next_attempt_at)
