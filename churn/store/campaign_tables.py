"""The tables of campaigns: plans, who was assigned to which arm, what happened then, what was measured, and alerts."""

from __future__ import annotations

import sqlalchemy as sa

from churn.store.tables import metadata

# Byte order everywhere, as in the first tables.
_Id = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")

campaign_plans = sa.Table(
    "campaign_plans",
    metadata,
    sa.Column("plan_id", sa.Text, primary_key=True),
    sa.Column("campaign", sa.Text, nullable=False),
    sa.Column("definition_hash", sa.Text, nullable=False),
    sa.Column("definition", sa.JSON, nullable=False),
    sa.Column("planned_at", sa.DateTime, nullable=False),
    sa.Column("snapshot_date", sa.Date, nullable=False),
    sa.Column("score_run_id", sa.Text),
    sa.Column("model_version", sa.Text, nullable=False),
    sa.Column("profit_model", sa.Text, nullable=False),
    sa.Column("inputs", sa.JSON, nullable=False),
    sa.Column("result", sa.JSON, nullable=False),
)
sa.Index("ix_campaign_plans_campaign", campaign_plans.c.campaign, campaign_plans.c.planned_at)

# What was known of a customer when the arm was drawn stays with the assignment: scores of that day are replaced nightly.
assignments = sa.Table(
    "assignments",
    metadata,
    sa.Column("campaign", _Id, primary_key=True),
    sa.Column("customer_id", _Id, primary_key=True),
    sa.Column("plan_id", sa.Text, sa.ForeignKey("campaign_plans.plan_id"), nullable=False),
    sa.Column("arm", sa.Text, nullable=False),
    sa.Column("stratum", sa.Text, nullable=False),
    sa.Column("snapshot_date", sa.Date, nullable=False),
    sa.Column("assigned_at", sa.DateTime, nullable=False),
    sa.Column("churn_probability", sa.Double, nullable=False),
    sa.Column("risk_band", sa.Text, nullable=False),
    sa.Column("percentile", sa.Double),
    sa.Column("expected_profit", sa.Double, nullable=False),
    sa.Column("expected_uplift", sa.Double),
    sa.Column("value_of_save", sa.Double, nullable=False),
    sa.Column("contact_cost", sa.Double, nullable=False),
    sa.Column("incentive_cost", sa.Double, nullable=False),
    sa.CheckConstraint("arm in ('treatment', 'holdout')", name="arm"),
)
sa.Index("ix_assignments_customer_id", assignments.c.customer_id)

# No reference to assignments: what a CRM tells of strangers is kept as well, and matched when it is read.
outcomes = sa.Table(
    "outcomes",
    metadata,
    sa.Column("campaign", _Id, primary_key=True),
    sa.Column("customer_id", _Id, primary_key=True),
    sa.Column("event_id", _Id, primary_key=True),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("occurred_at", sa.DateTime, nullable=False),
    sa.Column("recorded_at", sa.DateTime, nullable=False),
    sa.Column("source", sa.Text, nullable=False),
)

outcome_rejections = sa.Table(
    "outcome_rejections",
    metadata,
    sa.Column("rejection_id", _Id, primary_key=True),  # of the source and the values, so that a repeat is the same
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("row_number", sa.Integer),
    sa.Column("customer_id", sa.Text),
    sa.Column("campaign", sa.Text),
    sa.Column("event_id", sa.Text),
    sa.Column("kind", sa.Text),
    sa.Column("occurred_at", sa.Text),  # as told: it may be no instant at all
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("recorded_at", sa.DateTime, nullable=False),
)

measurements = sa.Table(
    "measurements",
    metadata,
    sa.Column("measurement_id", sa.Integer, primary_key=True),
    sa.Column("campaign", sa.Text, nullable=False),
    sa.Column("plan_ids", sa.JSON, nullable=False),
    sa.Column("measured_at", sa.DateTime, nullable=False),
    sa.Column("is_mature", sa.Boolean, nullable=False),
    sa.Column("result", sa.JSON, nullable=False),
    sqlite_autoincrement=True,
)
sa.Index("ix_measurements_campaign", measurements.c.campaign, measurements.c.measurement_id)

alerts = sa.Table(
    "alerts",
    metadata,
    sa.Column("alert_id", sa.Integer, primary_key=True),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("subject", sa.Text, nullable=False),
    sa.Column("severity", sa.Text, nullable=False),
    sa.Column("message", sa.Text, nullable=False),
    sa.Column("raised_at", sa.DateTime, nullable=False),
    sa.Column("resolved_at", sa.DateTime),
    sa.CheckConstraint("severity in ('info', 'warning', 'critical')", name="severity"),
    sqlite_autoincrement=True,
)
# At most one open alert of a kind about one subject, whoever raises it.
sa.Index(
    "uq_alerts_kind",
    alerts.c.kind,
    alerts.c.subject,
    unique=True,
    sqlite_where=alerts.c.resolved_at.is_(None),
    postgresql_where=alerts.c.resolved_at.is_(None),
)
