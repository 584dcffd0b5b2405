"""The tables of scheduled work: runs with their lease, their steps, the schedule's mark, workers, alerts sent."""

from __future__ import annotations

import sqlalchemy as sa

from churn.store.tables import metadata

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
