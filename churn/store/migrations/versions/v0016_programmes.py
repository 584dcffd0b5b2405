"""Programmes: their rounds, the log of assignment probabilities, and what was decided at a moment."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

_ID = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
_STATES = "state in ('draft', 'approved', 'rejected', 'expired', 'superseded')"


def upgrade() -> None:
    op.create_table(
        "programme_rounds",
        sa.Column("programme", _ID, nullable=False),
        sa.Column("round", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("definition_hash", sa.Text(), nullable=False),
        sa.Column("definition", sa.JSON(), nullable=False),
        sa.Column("learnt", sa.Text(), nullable=False),
        sa.Column("planned_at", sa.DateTime(), nullable=False),
        sa.Column("snapshot_date", sa.Date(), nullable=False),
        sa.Column("score_run_id", sa.Text()),
        sa.Column("expires_at", sa.DateTime()),
        sa.Column("decided_at", sa.DateTime()),
        sa.Column("decided_by", sa.Text()),
        sa.Column("note", sa.Text()),
        sa.Column("result", sa.JSON(), nullable=False),
        sa.CheckConstraint(_STATES, name="ck_programme_rounds_state"),
        sa.PrimaryKeyConstraint("programme", "round", name="pk_programme_rounds"),
    )
    op.create_table(
        "programme_log",
        sa.Column("programme", _ID, nullable=False),
        sa.Column("round", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("customer_id", _ID, nullable=False),
        sa.Column("snapshot_date", sa.Date(), nullable=False),
        sa.Column("arm", sa.Text(), nullable=False),
        sa.Column("policy_arm", sa.Text(), nullable=False),
        sa.Column("offer", sa.Text()),
        sa.Column("is_random", sa.Boolean(), nullable=False),
        sa.Column("is_holdout", sa.Boolean(), nullable=False),
        sa.Column("probabilities", sa.Text(), nullable=False),
        sa.Column("expected_profits", sa.Text(), nullable=False),
        sa.Column("churn_probability", sa.Double(), nullable=False),
        sa.Column("risk_band", sa.Text(), nullable=False),
        sa.Column("percentile", sa.Double()),
        sa.Column("value_of_save", sa.Double(), nullable=False),
        sa.Column("expected_uplift", sa.Double()),
        sa.Column("contact_cost", sa.Double()),
        sa.Column("incentive_cost", sa.Double()),
        sa.Column("voluntary_part", sa.Double()),
        sa.Column("involuntary_part", sa.Double()),
        sa.PrimaryKeyConstraint("programme", "round", "customer_id", name="pk_programme_log"),
    )
    op.create_index("ix_programme_log_customer_id", "programme_log", ["customer_id"])
    op.create_table(
        "programme_decisions",
        sa.Column("decision_id", sa.Text(), nullable=False),
        sa.Column("programme", _ID, nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("customer_id", _ID, nullable=False),
        sa.Column("moment", sa.Text(), nullable=False),
        sa.Column("arm", sa.Text(), nullable=False),
        sa.Column("probability", sa.Double()),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("decided_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("decision_id", name="pk_programme_decisions"),
    )
    op.create_index("ix_programme_decisions_customer_id", "programme_decisions", ["customer_id"])
    op.create_index("ix_outcomes_customer_id", "outcomes", ["customer_id"])
