"""The tables of the service: its jobs, keys, people and messages, monitoring, and people's rights."""

from __future__ import annotations

import sqlalchemy as sa

from churn.store.tables import IdText, metadata

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


scheduled_runs = sa.Table(
    "scheduled_runs",
    metadata,
    sa.Column("run_id", sa.Integer, primary_key=True),
    sa.Column("job", sa.Text, nullable=False),
    sa.Column("run_key", sa.Text, nullable=False),
    sa.Column("logical_date", sa.Date),
    sa.Column("parameters", sa.JSON, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("requested_by", sa.Text, nullable=False),
    sa.Column("requested_at", sa.DateTime, nullable=False),
    sa.Column("started_at", sa.DateTime),
    sa.Column("finished_at", sa.DateTime),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("next_attempt_at", sa.DateTime),
    sa.Column("error", sa.Text),
    sa.Column("lease_owner", sa.Text),
    sa.Column("lease_until", sa.DateTime),
    sa.CheckConstraint("state in ('queued', 'running', 'done', 'failed', 'missed', 'canceled')", name="state"),
    sqlite_autoincrement=True,
)


sa.Index("ix_scheduled_runs_job", scheduled_runs.c.job, scheduled_runs.c.run_id)


sa.Index("ix_scheduled_runs_state", scheduled_runs.c.state)


# What waits, works or is done exists once; what failed, was missed or canceled may be asked for again.
sa.Index(
    "uq_scheduled_runs_run_key",
    scheduled_runs.c.run_key,
    unique=True,
    sqlite_where=sa.text("state in ('queued', 'running', 'done')"),
    postgresql_where=sa.text("state in ('queued', 'running', 'done')"),
)


scheduled_steps = sa.Table(
    "scheduled_steps",
    metadata,
    sa.Column("run_id", sa.Integer, sa.ForeignKey("scheduled_runs.run_id", ondelete="cascade"), primary_key=True),
    sa.Column("position", sa.Integer, primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("started_at", sa.DateTime),
    sa.Column("finished_at", sa.DateTime),
    sa.Column("seconds", sa.Double),
    sa.Column("rows", sa.Integer),
    sa.Column("outcome", sa.Text),
    sa.Column("error", sa.Text),
    sa.CheckConstraint("state in ('waiting', 'running', 'done', 'failed', 'skipped')", name="state"),
)


# Up to which instant the times of each job's schedule have become runs: what lies between it and now is due or missed.
schedule_marks = sa.Table(
    "schedule_marks",
    metadata,
    sa.Column("job", sa.Text, primary_key=True),
    sa.Column("considered_until", sa.DateTime, nullable=False),
    sa.Column("schedule", sa.Text),  # fields and time zone at that time; empty: none; null: not known
)


schedulers = sa.Table(
    "schedulers",
    metadata,
    sa.Column("owner", sa.Text, primary_key=True),
    sa.Column("started_at", sa.DateTime, nullable=False),
    sa.Column("seen_at", sa.DateTime, nullable=False),
)


# An alert that grows more severe is told again, hence the severity in the key.
alert_deliveries = sa.Table(
    "alert_deliveries",
    metadata,
    sa.Column("alert_id", sa.Integer, sa.ForeignKey("alerts.alert_id", ondelete="cascade"), primary_key=True),
    sa.Column("channel", sa.Text, primary_key=True),
    sa.Column("severity", sa.Text, primary_key=True),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("next_attempt_at", sa.DateTime, nullable=False),
    sa.Column("finished_at", sa.DateTime),
    sa.Column("error", sa.Text),
    sa.CheckConstraint("state in ('waiting', 'delivered', 'given_up')", name="state"),
)


sa.Index("ix_alert_deliveries_state", alert_deliveries.c.state, alert_deliveries.c.next_attempt_at)


# `trend` is the few figures that charts draw over many days: reading them must not mean reading every document.
monitoring_runs = sa.Table(
    "monitoring_runs",
    metadata,
    sa.Column("monitoring_id", sa.Integer, primary_key=True),
    sa.Column("on_date", sa.Date, nullable=False),
    sa.Column("model_version", sa.Text),
    sa.Column("monitored_at", sa.DateTime, nullable=False),
    sa.Column("severity", sa.Text, nullable=False),
    sa.Column("trend", sa.JSON, nullable=False),
    sa.Column("document", sa.JSON, nullable=False),
    sa.UniqueConstraint("on_date"),
    sa.CheckConstraint("severity in ('ok', 'watch', 'act', 'unknown')", name="severity"),
    sqlite_autoincrement=True,
)


# One row: the secret that ids are hashed with, so that a hash from elsewhere says nothing here.
privacy_salt = sa.Table("privacy_salt", metadata, sa.Column("salt", sa.Text, primary_key=True))


# `customer_id` stands here only as long as something is left to do; afterwards the hash alone.
privacy_requests = sa.Table(
    "privacy_requests",
    metadata,
    sa.Column("request_id", sa.Integer, primary_key=True),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("id_hash", sa.Text, nullable=False),
    sa.Column("customer_id", IdText),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("who", sa.Text, nullable=False),
    sa.Column("requested_at", sa.DateTime, nullable=False),
    sa.Column("finished_at", sa.DateTime),
    sa.Column("result", sa.JSON, nullable=False),
    sa.CheckConstraint("kind in ('export', 'erase', 'object')", name="kind"),
    sa.CheckConstraint("state in ('open', 'done')", name="state"),
    sqlite_autoincrement=True,
)


sa.Index("ix_privacy_requests_id_hash", privacy_requests.c.id_hash, privacy_requests.c.kind)


erased_customers = sa.Table(
    "erased_customers",
    metadata,
    sa.Column("id_hash", sa.Text, primary_key=True),
    sa.Column("erased_at", sa.DateTime, nullable=False),
)


objections = sa.Table(
    "objections",
    metadata,
    sa.Column("customer_id", IdText, primary_key=True),
    sa.Column("objected_at", sa.DateTime, nullable=False),
    sa.Column("who", sa.Text, nullable=False),
)


# So that arms can still be counted as they were drawn.
erased_assignments = sa.Table(
    "erased_assignments",
    metadata,
    sa.Column("campaign", IdText, primary_key=True),
    sa.Column("plan_id", sa.Text, primary_key=True),
    sa.Column("arm", sa.Text, primary_key=True),
    sa.Column("customers", sa.Integer, nullable=False),
)


users = sa.Table(
    "users",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("password_hash", sa.Text),  # scrypt with its parameters and salt; null where a provider signs in
    sa.Column("scopes", sa.JSON, nullable=False),
    sa.Column("created_at", sa.DateTime, nullable=False),
    sa.Column("last_seen_at", sa.DateTime),
    sa.Column("issuer", sa.Text),  # the identity provider
    sa.Column("subject", sa.Text),  # and what it calls the person, for good
    sa.UniqueConstraint("issuer", "subject", name="uq_users_identity"),
)


# Only hashes of what a browser holds are kept: whoever reads the store cannot sign in with it.
web_sessions = sa.Table(
    "web_sessions",
    metadata,
    sa.Column("session_hash", sa.Text, primary_key=True),
    sa.Column("kind", sa.Text, nullable=False),  # key, password, link or sso
    sa.Column("subject", sa.Text, nullable=False),  # key_id, user name, or the link's hash
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("scopes", sa.JSON, nullable=False),
    sa.Column("created_at", sa.DateTime, nullable=False),
    sa.Column("seen_at", sa.DateTime, nullable=False),
    sa.Column("expires_at", sa.DateTime, nullable=False),
    sa.Column("id_token", sa.Text),  # to sign out at the provider with; it signs nobody in here
)


sign_in_links = sa.Table(
    "sign_in_links",
    metadata,
    sa.Column("link_hash", sa.Text, primary_key=True),
    sa.Column("scopes", sa.JSON, nullable=False),
    sa.Column("expires_at", sa.DateTime, nullable=False),
    sa.Column("used_at", sa.DateTime),
)


sign_in_attempts = sa.Table(
    "sign_in_attempts",
    metadata,
    sa.Column("attempt_id", sa.Integer, primary_key=True),
    sa.Column("subject", sa.Text, nullable=False, index=True),
    sa.Column("attempted_at", sa.DateTime, nullable=False),
    sqlite_autoincrement=True,
)


saved_views = sa.Table(
    "saved_views",
    metadata,
    sa.Column("owner", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column(
        "query", sa.Text, nullable=False
    ),  # what follows the `?` of the address, without the search for a customer
    sa.Column("saved_at", sa.DateTime, nullable=False),
)

figure_mails = sa.Table(
    "figure_mails",
    metadata,
    sa.Column("mail_id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("owner", sa.Text, nullable=False),
    sa.Column("addresses", sa.JSON, nullable=False),
    sa.Column("tables", sa.JSON, nullable=False),  # names of tables on the page of figures
    sa.Column("segment", sa.Text, nullable=False),
    sa.Column("value", sa.Text, nullable=False),  # of the segment; empty for all
    sa.Column("months", sa.Integer, nullable=False),  # up to the newest
    sa.Column("made_at", sa.DateTime, nullable=False),
    sa.Column("sent_for", sa.Date),  # the month's first day
    sa.Column("sent_at", sa.DateTime),
    sa.Column("language", sa.Text, nullable=False, server_default="en"),  # of whoever made the choice
)
