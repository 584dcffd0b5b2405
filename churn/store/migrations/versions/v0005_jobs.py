"""Scheduled work: runs with their lease, their steps, the schedule's mark, workers, alerts sent."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_STANDS = sa.text("state in ('queued', 'running', 'done')")


def upgrade() -> None:
    op.create_table(
        "scheduled_runs",
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("job", sa.Text(), nullable=False),
        sa.Column("run_key", sa.Text(), nullable=False),
        sa.Column("logical_date", sa.Date()),
        sa.Column("parameters", sa.JSON(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("requested_by", sa.Text(), nullable=False),
        sa.Column("requested_at", sa.DateTime(), nullable=False),
        sa.Column("started_at", sa.DateTime()),
        sa.Column("finished_at", sa.DateTime()),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_attempt_at", sa.DateTime()),
        sa.Column("error", sa.Text()),
        sa.Column("lease_owner", sa.Text()),
        sa.Column("lease_until", sa.DateTime()),
        sa.CheckConstraint(
            "state in ('queued', 'running', 'done', 'failed', 'missed', 'canceled')",
            name="ck_scheduled_runs_state",
        ),
        sa.PrimaryKeyConstraint("run_id", name="pk_scheduled_runs"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_scheduled_runs_job", "scheduled_runs", ["job", "run_id"])
    op.create_index("ix_scheduled_runs_state", "scheduled_runs", ["state"])
    op.create_index(
        "uq_scheduled_runs_run_key",
        "scheduled_runs",
        ["run_key"],
        unique=True,
        sqlite_where=_STANDS,
        postgresql_where=_STANDS,
    )
    op.create_table(
        "scheduled_steps",
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("started_at", sa.DateTime()),
        sa.Column("finished_at", sa.DateTime()),
        sa.Column("seconds", sa.Double()),
        sa.Column("rows", sa.Integer()),
        sa.Column("outcome", sa.Text()),
        sa.Column("error", sa.Text()),
        sa.CheckConstraint(
            "state in ('waiting', 'running', 'done', 'failed', 'skipped')", name="ck_scheduled_steps_state"
        ),
        sa.PrimaryKeyConstraint("run_id", "position", name="pk_scheduled_steps"),
        sa.ForeignKeyConstraint(
            ["run_id"], ["scheduled_runs.run_id"], name="fk_scheduled_steps_run_id", ondelete="cascade"
        ),
    )
    op.create_table(
        "schedule_marks",
        sa.Column("job", sa.Text(), nullable=False),
        sa.Column("considered_until", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("job", name="pk_schedule_marks"),
    )
    op.create_table(
        "schedulers",
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("started_at", sa.DateTime(), nullable=False),
        sa.Column("seen_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("owner", name="pk_schedulers"),
    )
    op.create_table(
        "alert_deliveries",
        sa.Column("alert_id", sa.Integer(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("severity", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_attempt_at", sa.DateTime(), nullable=False),
        sa.Column("finished_at", sa.DateTime()),
        sa.Column("error", sa.Text()),
        sa.CheckConstraint("state in ('waiting', 'delivered', 'given_up')", name="ck_alert_deliveries_state"),
        sa.PrimaryKeyConstraint("alert_id", "channel", "severity", name="pk_alert_deliveries"),
        sa.ForeignKeyConstraint(
            ["alert_id"], ["alerts.alert_id"], name="fk_alert_deliveries_alert_id", ondelete="cascade"
        ),
    )
    op.create_index("ix_alert_deliveries_state", "alert_deliveries", ["state", "next_attempt_at"])
