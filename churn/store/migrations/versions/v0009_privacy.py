"""People's rights: requests, objections, who was erased (hashes only), and how many of each campaign's arms."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_Id = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "privacy_salt",
        sa.Column("salt", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("salt", name="pk_privacy_salt"),
    )
    op.create_table(
        "privacy_requests",
        sa.Column("request_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("id_hash", sa.Text(), nullable=False),
        sa.Column("customer_id", _Id),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("requested_at", sa.DateTime(), nullable=False),
        sa.Column("finished_at", sa.DateTime()),
        sa.Column("result", sa.JSON(), nullable=False),
        sa.CheckConstraint("kind in ('export', 'erase', 'object')", name="ck_privacy_requests_kind"),
        sa.CheckConstraint("state in ('open', 'done')", name="ck_privacy_requests_state"),
        sa.PrimaryKeyConstraint("request_id", name="pk_privacy_requests"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_privacy_requests_id_hash", "privacy_requests", ["id_hash", "kind"])
    op.create_table(
        "erased_customers",
        sa.Column("id_hash", sa.Text(), nullable=False),
        sa.Column("erased_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id_hash", name="pk_erased_customers"),
    )
    op.create_table(
        "objections",
        sa.Column("customer_id", _Id, nullable=False),
        sa.Column("objected_at", sa.DateTime(), nullable=False),
        sa.Column("who", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("customer_id", name="pk_objections"),
    )
    op.create_table(
        "erased_assignments",
        sa.Column("campaign", _Id, nullable=False),
        sa.Column("plan_id", sa.Text(), nullable=False),
        sa.Column("arm", sa.Text(), nullable=False),
        sa.Column("customers", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("campaign", "plan_id", "arm", name="pk_erased_assignments"),
    )
