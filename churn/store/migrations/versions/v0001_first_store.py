"""The first store: score runs and the current list, model versions and their changes, job runs, simulations."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_ID = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "score_runs",
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("snapshot_date", sa.Date(), nullable=False),
        sa.Column("model_version", sa.Text(), nullable=False),
        sa.Column("scored_at", sa.DateTime(), nullable=False),
        sa.Column("data_cutoff", sa.DateTime(), nullable=False),
        sa.Column("customers", sa.Integer(), nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("is_current", sa.Boolean(), nullable=False),
        sa.Column("is_stale", sa.Boolean(), nullable=False),
        sa.Column("stale_reason", sa.Text()),
        sa.Column("stale_at", sa.DateTime()),
        sa.PrimaryKeyConstraint("run_id", name="pk_score_runs"),
    )
    op.create_index(
        "uq_score_runs_is_current",
        "score_runs",
        ["is_current"],
        unique=True,
        sqlite_where=sa.text("is_current"),
        postgresql_where=sa.text("is_current"),
    )
    op.create_table(
        "scores",
        sa.Column("customer_id", _ID, nullable=False),
        sa.Column("churn_probability", sa.Double(), nullable=False),
        sa.Column("raw_score", sa.Double(), nullable=False),
        sa.Column("risk_band", sa.Text(), nullable=False),
        sa.Column("percentile", sa.Double(), nullable=False),
        sa.Column("expected_profit", sa.Double(), nullable=False),
        sa.Column("value_of_save", sa.Double(), nullable=False),
        sa.Column("monthly_margin", sa.Double(), nullable=False),
        sa.Column("plan", sa.Text()),
        sa.Column("reasons", sa.Text(), nullable=False),
        sa.Column("previous_probability", sa.Double()),
        sa.Column("change", sa.Double()),
        sa.Column("change_reasons", sa.Text()),
        sa.Column("is_listed", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("customer_id", name="pk_scores"),
    )
    op.create_index("ix_scores_expected_profit", "scores", [sa.text("expected_profit desc"), "customer_id"])
    op.create_index("ix_scores_churn_probability", "scores", [sa.text("churn_probability desc"), "customer_id"])
    op.create_table(
        "model_versions",
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("bundle", sa.Text(), nullable=False),
        sa.Column("metrics", sa.JSON(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("version", name="pk_model_versions"),
    )
    op.create_table(
        "model_changes",
        sa.Column("change_id", sa.Integer(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("replaced_version", sa.Text()),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("changed_at", sa.DateTime(), nullable=False),
        sa.CheckConstraint("action in ('promote', 'rollback')", name="ck_model_changes_action"),
        sa.ForeignKeyConstraint(["version"], ["model_versions.version"], name="fk_model_changes_version"),
        sa.ForeignKeyConstraint(
            ["replaced_version"], ["model_versions.version"], name="fk_model_changes_replaced_version"
        ),
        sa.PrimaryKeyConstraint("change_id", name="pk_model_changes"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "job_runs",
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("workflow", sa.Text(), nullable=False),
        sa.Column("logical_date", sa.Date()),
        sa.Column("started_at", sa.DateTime(), nullable=False),
        sa.Column("finished_at", sa.DateTime()),
        sa.Column("outcome", sa.Text()),
        sa.Column("error", sa.Text()),
        sa.PrimaryKeyConstraint("run_id", name="pk_job_runs"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_job_runs_workflow", "job_runs", ["workflow", "run_id"])
    op.create_table(
        "simulations",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("saved_at", sa.DateTime(), nullable=False),
        sa.Column("inputs", sa.JSON(), nullable=False),
        sa.Column("result", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_simulations"),
    )
