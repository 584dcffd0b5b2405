"""Campaigns: plans, assignments, outcomes and those rejected, measurements, alerts."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_ID = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    _create_plans()
    _create_outcomes()
    _create_measurements()


def _create_plans() -> None:
    op.create_table(
        "campaign_plans",
        sa.Column("plan_id", sa.Text(), nullable=False),
        sa.Column("campaign", sa.Text(), nullable=False),
        sa.Column("definition_hash", sa.Text(), nullable=False),
        sa.Column("definition", sa.JSON(), nullable=False),
        sa.Column("planned_at", sa.DateTime(), nullable=False),
        sa.Column("snapshot_date", sa.Date(), nullable=False),
        sa.Column("score_run_id", sa.Text()),
        sa.Column("model_version", sa.Text(), nullable=False),
        sa.Column("profit_model", sa.Text(), nullable=False),
        sa.Column("inputs", sa.JSON(), nullable=False),
        sa.Column("result", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("plan_id", name="pk_campaign_plans"),
    )
    op.create_index("ix_campaign_plans_campaign", "campaign_plans", ["campaign", "planned_at"])
    op.create_table(
        "assignments",
        sa.Column("campaign", _ID, nullable=False),
        sa.Column("customer_id", _ID, nullable=False),
        sa.Column("plan_id", sa.Text(), nullable=False),
        sa.Column("arm", sa.Text(), nullable=False),
        sa.Column("stratum", sa.Text(), nullable=False),
        sa.Column("snapshot_date", sa.Date(), nullable=False),
        sa.Column("assigned_at", sa.DateTime(), nullable=False),
        sa.Column("churn_probability", sa.Double(), nullable=False),
        sa.Column("risk_band", sa.Text(), nullable=False),
        sa.Column("percentile", sa.Double()),
        sa.Column("expected_profit", sa.Double(), nullable=False),
        sa.Column("expected_uplift", sa.Double()),
        sa.Column("value_of_save", sa.Double(), nullable=False),
        sa.Column("contact_cost", sa.Double(), nullable=False),
        sa.Column("incentive_cost", sa.Double(), nullable=False),
        sa.CheckConstraint("arm in ('treatment', 'holdout')", name="ck_assignments_arm"),
        sa.ForeignKeyConstraint(["plan_id"], ["campaign_plans.plan_id"], name="fk_assignments_plan_id"),
        sa.PrimaryKeyConstraint("campaign", "customer_id", name="pk_assignments"),
    )
    op.create_index("ix_assignments_customer_id", "assignments", ["customer_id"])


def _create_outcomes() -> None:
    op.create_table(
        "outcomes",
        sa.Column("campaign", _ID, nullable=False),
        sa.Column("customer_id", _ID, nullable=False),
        sa.Column("event_id", _ID, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("occurred_at", sa.DateTime(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("campaign", "customer_id", "event_id", name="pk_outcomes"),
    )
    op.create_table(
        "outcome_rejections",
        sa.Column("rejection_id", _ID, nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("row_number", sa.Integer()),
        sa.Column("customer_id", sa.Text()),
        sa.Column("campaign", sa.Text()),
        sa.Column("event_id", sa.Text()),
        sa.Column("kind", sa.Text()),
        sa.Column("occurred_at", sa.Text()),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("rejection_id", name="pk_outcome_rejections"),
    )


def _create_measurements() -> None:
    op.create_table(
        "measurements",
        sa.Column("measurement_id", sa.Integer(), nullable=False),
        sa.Column("campaign", sa.Text(), nullable=False),
        sa.Column("plan_ids", sa.JSON(), nullable=False),
        sa.Column("measured_at", sa.DateTime(), nullable=False),
        sa.Column("is_mature", sa.Boolean(), nullable=False),
        sa.Column("result", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("measurement_id", name="pk_measurements"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_measurements_campaign", "measurements", ["campaign", "measurement_id"])
    op.create_table(
        "alerts",
        sa.Column("alert_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("severity", sa.Text(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("raised_at", sa.DateTime(), nullable=False),
        sa.Column("resolved_at", sa.DateTime()),
        sa.CheckConstraint("severity in ('info', 'warning', 'critical')", name="ck_alerts_severity"),
        sa.PrimaryKeyConstraint("alert_id", name="pk_alerts"),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "uq_alerts_kind",
        "alerts",
        ["kind", "subject"],
        unique=True,
        sqlite_where=sa.text("resolved_at is null"),
        postgresql_where=sa.text("resolved_at is null"),
    )
