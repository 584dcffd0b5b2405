"""The tables of people's rights: what was asked, who objects to marketing, and who was erased, the latter without any id."""

from __future__ import annotations

import sqlalchemy as sa

from churn.store.tables import metadata

_Id = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")

# One row: the secret that ids are hashed with, so that a hash from elsewhere says nothing here.
privacy_salt = sa.Table("privacy_salt", metadata, sa.Column("salt", sa.Text, primary_key=True))

# `customer_id` stands here only as long as something is left to do; afterwards the hash alone.
privacy_requests = sa.Table(
    "privacy_requests",
    metadata,
    sa.Column("request_id", sa.Integer, primary_key=True),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("id_hash", sa.Text, nullable=False),
    sa.Column("customer_id", _Id),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("who", sa.Text, nullable=False),
    sa.Column("requested_at", sa.DateTime, nullable=False),
    sa.Column("finished_at", sa.DateTime),
    sa.Column("result", sa.JSON, nullable=False),
    sa.CheckConstraint("kind in ('export', 'erase', 'object')", name="kind"),
    sa.CheckConstraint("state in ('open', 'done')", name="state"),
    sqlite_autoincrement=True,
)
sa.Index("ix_privacy_requests_id_hash", privacy_requests.c.id_hash, privacy_requests.c.kind)

erased_customers = sa.Table(
    "erased_customers",
    metadata,
    sa.Column("id_hash", sa.Text, primary_key=True),
    sa.Column("erased_at", sa.DateTime, nullable=False),
)

objections = sa.Table(
    "objections",
    metadata,
    sa.Column("customer_id", _Id, primary_key=True),
    sa.Column("objected_at", sa.DateTime, nullable=False),
    sa.Column("who", sa.Text, nullable=False),
)

# So that arms can still be counted as they were drawn.
erased_assignments = sa.Table(
    "erased_assignments",
    metadata,
    sa.Column("campaign", _Id, primary_key=True),
    sa.Column("plan_id", sa.Text, primary_key=True),
    sa.Column("arm", sa.Text, primary_key=True),
    sa.Column("customers", sa.Integer, nullable=False),
)
