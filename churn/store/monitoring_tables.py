"""The table of what the monitors found, one row per day."""

from __future__ import annotations

import sqlalchemy as sa

from churn.store.tables import metadata

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
