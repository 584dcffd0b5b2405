"""The tables of programmes: their rounds, the log of assignment probabilities, and what was decided at a moment."""

from __future__ import annotations

import sqlalchemy as sa

from churn.store import service_tables
from churn.store.tables import IdText, metadata

programme_rounds = sa.Table(
    "programme_rounds",
    metadata,
    sa.Column("programme", IdText, primary_key=True),
    sa.Column("round", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("definition_hash", sa.Text, nullable=False),
    sa.Column("definition", sa.JSON, nullable=False),
    sa.Column("learnt", sa.Text, nullable=False),  # digest of what measurements had taught of the offers
    sa.Column("planned_at", sa.DateTime, nullable=False),
    sa.Column("snapshot_date", sa.Date, nullable=False),
    sa.Column("score_run_id", sa.Text),
    sa.Column("expires_at", sa.DateTime),
    sa.Column("decided_at", sa.DateTime),
    sa.Column("decided_by", sa.Text),
    sa.Column("note", sa.Text),
    sa.Column("result", sa.JSON, nullable=False),
    sa.CheckConstraint("state in ('draft', 'approved', 'rejected', 'expired', 'superseded')", name="state"),
)

# A row for everybody who was eligible for any offer. Features are not copied: they can be built again as of snapshot_date.
programme_log = sa.Table(
    "programme_log",
    metadata,
    sa.Column("programme", IdText, primary_key=True),
    sa.Column("round", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("customer_id", IdText, primary_key=True),
    sa.Column("snapshot_date", sa.Date, nullable=False),
    sa.Column("arm", sa.Text, nullable=False),  # as drawn: an offer, or leave_alone
    sa.Column("policy_arm", sa.Text, nullable=False),  # what the policy takes to be best, before any draw
    sa.Column("offer", sa.Text),  # whose treatment or holdout they are in; null for whom no offer was chosen
    sa.Column("is_random", sa.Boolean, nullable=False),
    sa.Column("is_holdout", sa.Boolean, nullable=False),
    sa.Column("probabilities", sa.Text, nullable=False),  # JSON, one for each arm of the round, in its order
    sa.Column("expected_profits", sa.Text, nullable=False),  # JSON alike; null for an offer they are not eligible for
    sa.Column("churn_probability", sa.Double, nullable=False),
    sa.Column("risk_band", sa.Text, nullable=False),
    sa.Column("percentile", sa.Double),
    sa.Column("value_of_save", sa.Double, nullable=False),
    sa.Column("expected_uplift", sa.Double),
    sa.Column("contact_cost", sa.Double),
    sa.Column("incentive_cost", sa.Double),
    sa.Column("voluntary_part", sa.Double),
    sa.Column("involuntary_part", sa.Double),
)
sa.Index("ix_programme_log_customer_id", programme_log.c.customer_id)

programme_decisions = sa.Table(
    "programme_decisions",
    metadata,
    sa.Column("decision_id", sa.Text, primary_key=True),  # of caller and idempotency key where one came
    sa.Column("programme", IdText, nullable=False),
    sa.Column("round", sa.Integer, nullable=False),
    sa.Column("customer_id", IdText, nullable=False),
    sa.Column("moment", sa.Text, nullable=False),
    sa.Column("arm", sa.Text, nullable=False),
    sa.Column("probability", sa.Double),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("who", sa.Text, nullable=False),
    sa.Column("decided_at", sa.DateTime, nullable=False),
)
sa.Index("ix_programme_decisions_customer_id", programme_decisions.c.customer_id)

# The newest of each name: `height`, and what other policies would have earned.
programme_findings = sa.Table(
    "programme_findings",
    metadata,
    sa.Column("programme", IdText, primary_key=True),
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("made_at", sa.DateTime, nullable=False),
    sa.Column("result", sa.JSON, nullable=False),
)

# With the tables of this page, and of those that it imports, the schema is whole.
schema = service_tables.api_keys.metadata
