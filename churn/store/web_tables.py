"""The tables of the pages: people who sign in, their sessions, one-time links, and attempts to get in."""

from __future__ import annotations

import sqlalchemy as sa

from churn.store.tables import metadata

users = sa.Table(
    "users",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("password_hash", sa.Text, nullable=False),  # scrypt with its parameters and salt
    sa.Column("scopes", sa.JSON, nullable=False),
    sa.Column("created_at", sa.DateTime, nullable=False),
    sa.Column("last_seen_at", sa.DateTime),
)

# Only hashes of what a browser holds are kept: whoever reads the store cannot sign in with it.
web_sessions = sa.Table(
    "web_sessions",
    metadata,
    sa.Column("session_hash", sa.Text, primary_key=True),
    sa.Column("kind", sa.Text, nullable=False),  # key, password or link
    sa.Column("subject", sa.Text, nullable=False),  # key_id, user name, or the link's hash
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("scopes", sa.JSON, nullable=False),
    sa.Column("created_at", sa.DateTime, nullable=False),
    sa.Column("seen_at", sa.DateTime, nullable=False),
    sa.Column("expires_at", sa.DateTime, nullable=False),
)

sign_in_links = sa.Table(
    "sign_in_links",
    metadata,
    sa.Column("link_hash", sa.Text, primary_key=True),
    sa.Column("scopes", sa.JSON, nullable=False),
    sa.Column("expires_at", sa.DateTime, nullable=False),
    sa.Column("used_at", sa.DateTime),
)

sign_in_attempts = sa.Table(
    "sign_in_attempts",
    metadata,
    sa.Column("attempt_id", sa.Integer, primary_key=True),
    sa.Column("subject", sa.Text, nullable=False, index=True),
    sa.Column("attempted_at", sa.DateTime, nullable=False),
    sqlite_autoincrement=True,
)
