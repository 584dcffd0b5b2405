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

# Byte order everywhere: the same list comes in the same order from both databases, whatever the server's locale.
_Id = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")

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

# Only the current list lives here, so that replacing it is one delete and one bulk insert; history is the warehouse's.
scores = sa.Table(
    "scores",
    metadata,
    sa.Column("customer_id", _Id, primary_key=True),
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
