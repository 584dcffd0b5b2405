"""The tables of the store, as SQLAlchemy describes them; the migrations must build exactly these (a test compares)."""

from __future__ import annotations

import sqlalchemy as sa

# Named constraints, so that a later migration can change them on both databases.
metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)

# Sort by bytes everywhere, so that both databases return the same order, whatever the server's locale.
IdText = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")

score_runs = sa.Table(
    "score_runs",
    metadata,
    sa.Column("run_id", sa.Text, primary_key=True),
    sa.Column("snapshot_date", sa.Date, nullable=False),
    sa.Column("model_version", sa.Text, nullable=False),
    sa.Column("scored_at", sa.DateTime, nullable=False),
    sa.Column("data_cutoff", sa.DateTime, nullable=False),
    sa.Column("customers", sa.Integer, nullable=False),
    sa.Column("fingerprint", sa.Text, nullable=False),
    sa.Column("is_current", sa.Boolean, nullable=False),
    sa.Column("is_stale", sa.Boolean, nullable=False),
    sa.Column("stale_reason", sa.Text),
    sa.Column("stale_at", sa.DateTime),
)
sa.Index(
    "uq_score_runs_is_current",
    score_runs.c.is_current,
    unique=True,
    sqlite_where=score_runs.c.is_current,
    postgresql_where=score_runs.c.is_current,
)

# Only the current list lives here; history is the warehouse's. On PostgreSQL this is a view: see `score_lists.py`.
scores = sa.Table(
    "scores",
    metadata,
    sa.Column("customer_id", IdText, primary_key=True),
    sa.Column("churn_probability", sa.Double, nullable=False),
    sa.Column("raw_score", sa.Double, nullable=False),
    sa.Column("risk_band", sa.Text, nullable=False),
    sa.Column("percentile", sa.Double, nullable=False),
    sa.Column("expected_profit", sa.Double, nullable=False),
    sa.Column("value_of_save", sa.Double, nullable=False),
    sa.Column("monthly_margin", sa.Double, nullable=False),
    sa.Column("plan", sa.Text),
    sa.Column("reasons", sa.Text, nullable=False),
    sa.Column("previous_probability", sa.Double),
    sa.Column("change", sa.Double),
    sa.Column("change_reasons", sa.Text),
    sa.Column("is_listed", sa.Boolean, nullable=False),
    sa.Column("involuntary_probability", sa.Double),
    sa.Column("churn_within_30d", sa.Double),
    sa.Column("churn_within_90d", sa.Double),
    sa.Column("churn_within_180d", sa.Double),
    sa.Column("churn_within_360d", sa.Double),
    sa.Column("months_kept", sa.Double),
    sa.Column("months_kept_low", sa.Double),
    sa.Column("months_kept_high", sa.Double),
    sa.Column("months_after_save", sa.Double),
    sa.Column("contact_facts", sa.Text),
)
sa.Index("ix_scores_expected_profit", scores.c.expected_profit.desc(), scores.c.customer_id)
sa.Index("ix_scores_churn_probability", scores.c.churn_probability.desc(), scores.c.customer_id)

model_versions = sa.Table(
    "model_versions",
    metadata,
    sa.Column("version", sa.Text, primary_key=True),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("created_at", sa.DateTime, nullable=False),
    sa.Column("fingerprint", sa.Text, nullable=False),
    sa.Column("bundle", sa.Text, nullable=False),
    sa.Column("metrics", sa.JSON, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
)

# The champion is the version of the newest row: pointer and history cannot disagree.
model_changes = sa.Table(
    "model_changes",
    metadata,
    sa.Column("change_id", sa.Integer, primary_key=True),
    sa.Column("version", sa.Text, sa.ForeignKey("model_versions.version"), nullable=False),
    sa.Column("replaced_version", sa.Text, sa.ForeignKey("model_versions.version")),
    sa.Column("action", sa.Text, nullable=False),
    sa.Column("who", sa.Text, nullable=False),
    sa.Column("why", sa.Text, nullable=False),
    sa.Column("changed_at", sa.DateTime, nullable=False),
    sa.CheckConstraint("action in ('promote', 'rollback')", name="action"),
    sqlite_autoincrement=True,
)

job_runs = sa.Table(
    "job_runs",
    metadata,
    sa.Column("run_id", sa.Integer, primary_key=True),
    sa.Column("workflow", sa.Text, nullable=False),
    sa.Column("logical_date", sa.Date),
    sa.Column("started_at", sa.DateTime, nullable=False),
    sa.Column("finished_at", sa.DateTime),
    sa.Column("outcome", sa.Text),
    sa.Column("error", sa.Text),
    sa.Column("buckets_done", sa.Integer),  # of a step on a cluster, as the two below
    sa.Column("buckets_retried", sa.Integer),
    sa.Column("buckets_failed", sa.Integer),
    sqlite_autoincrement=True,
)
sa.Index("ix_job_runs_workflow", job_runs.c.workflow, job_runs.c.run_id)

simulations = sa.Table(
    "simulations",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("saved_at", sa.DateTime, nullable=False),
    sa.Column("inputs", sa.JSON, nullable=False),
    sa.Column("result", sa.JSON, nullable=False),
)


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
    # SQLite cannot add the column without a default; each plan has its own value.
    sa.Column("window_days", sa.Integer, nullable=False, server_default="0"),
)
sa.Index("ix_campaign_plans_campaign", campaign_plans.c.campaign, campaign_plans.c.planned_at)

# What was known of a customer when the arm was drawn stays with the assignment: scores of that day are replaced nightly.
assignments = sa.Table(
    "assignments",
    metadata,
    sa.Column("campaign", IdText, primary_key=True),
    sa.Column("customer_id", IdText, primary_key=True),
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
    # What the rates of the offer act on: the probability of each cause, scaled by its modifier.
    sa.Column("voluntary_part", sa.Double),
    sa.Column("involuntary_part", sa.Double),
    sa.CheckConstraint("arm in ('treatment', 'holdout')", name="arm"),
)
sa.Index("ix_assignments_customer_id", assignments.c.customer_id)

# No reference to assignments: what a CRM tells of strangers is kept as well, and matched when it is read.
outcomes = sa.Table(
    "outcomes",
    metadata,
    sa.Column("campaign", IdText, primary_key=True),
    sa.Column("customer_id", IdText, primary_key=True),
    sa.Column("event_id", IdText, primary_key=True),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("occurred_at", sa.DateTime, nullable=False),
    sa.Column("recorded_at", sa.DateTime, nullable=False),
    sa.Column("source", sa.Text, nullable=False),
)
sa.Index("ix_outcomes_customer_id", outcomes.c.customer_id)

outcome_rejections = sa.Table(
    "outcome_rejections",
    metadata,
    sa.Column("rejection_id", IdText, primary_key=True),  # of the source and the values, so that a repeat is the same
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("row_number", sa.Integer),
    sa.Column("customer_id", sa.Text),
    sa.Column("campaign", sa.Text),
    sa.Column("event_id", sa.Text),
    sa.Column("kind", sa.Text),
    sa.Column("occurred_at", sa.Text),  # as received: it may be no valid instant
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
    sa.Column("taken_by", sa.Text),  # who looks after it
    sa.Column("taken_at", sa.DateTime),
    sa.Column("muted_until", sa.DateTime),  # and whatever is raised of the same kind about the same subject
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

# A row is stored before it is sent, so that a killed run leaves a record of what may have arrived.
outbox = sa.Table(
    "outbox",
    metadata,
    sa.Column("run_id", sa.Text, sa.ForeignKey("sync_runs.run_id"), primary_key=True),
    sa.Column("customer_id", IdText, primary_key=True),
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

# What the other side has accepted. `is_uncertain`: it may hold something else, so the next run writes it whole.
crm_records = sa.Table(
    "crm_records",
    metadata,
    sa.Column("connector", sa.Text, primary_key=True),
    sa.Column("campaign", sa.Text, primary_key=True),
    sa.Column("customer_id", IdText, primary_key=True),
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
    sa.Column("customer_id", IdText, primary_key=True),
    sa.Column("remote_id", IdText, nullable=False),
    sa.Column("seen_at", sa.DateTime, nullable=False),
)
sa.Index("ix_crm_ids_remote_id", crm_ids.c.connector, crm_ids.c.remote_id)

crm_rejections = sa.Table(
    "crm_rejections",
    metadata,
    sa.Column("connector", sa.Text, primary_key=True),
    sa.Column("campaign", sa.Text, primary_key=True),
    sa.Column("customer_id", IdText, primary_key=True),
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
