"""People who sign in with a password or at an identity provider: added, found, removed with their sessions."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa

from churn.errors import ConfigError, NotFound
from churn.store.database import Database
from churn.store.service_records import WebUser
from churn.store.service_tables import figure_mails, saved_views, users, web_sessions


class UserRepository:
    """Reads and writes `users`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, name: str, password_hash: str, scopes: Sequence[str], at: datetime) -> None:
        """Keep a new user. Raises ConfigError when the name is taken."""
        with self._database.write(lock=users) as connection:
            if connection.execute(sa.select(users.c.name).where(users.c.name == name)).first() is not None:
                raise ConfigError("a user of this name exists already", where=name, remedy="Choose another name.")
            values = {"name": name, "password_hash": password_hash, "scopes": list(scopes), "created_at": at}
            connection.execute(sa.insert(users).values(**values))

    def add_identity(self, name: str, issuer: str, subject: str, scopes: Sequence[str], at: datetime) -> None:
        """Keep a new user whom an identity provider calls `subject`."""
        values = {"name": name, "issuer": issuer, "subject": subject, "scopes": list(scopes), "created_at": at}
        with self._database.write(lock=users) as connection:
            connection.execute(sa.insert(users).values(**values))

    def find_identity(self, issuer: str, subject: str) -> WebUser | None:
        """Return the user whom an identity provider calls `subject`."""
        is_theirs = sa.and_(users.c.issuer == issuer, users.c.subject == subject)
        with self._database.read() as connection:
            row = connection.execute(sa.select(users).where(is_theirs)).mappings().one_or_none()
        return None if row is None else WebUser(**{**row, "scopes": tuple(row["scopes"])})

    def set_scopes(self, name: str, scopes: Sequence[str]) -> None:
        """Change what a user may do, at once and in every browser."""
        with self._database.write() as connection:
            connection.execute(sa.update(users).where(users.c.name == name).values(scopes=list(scopes)))

    def find(self, name: str) -> WebUser | None:
        """Return a user by name."""
        with self._database.read() as connection:
            row = connection.execute(sa.select(users).where(users.c.name == name)).mappings().one_or_none()
        return None if row is None else WebUser(**{**row, "scopes": tuple(row["scopes"])})

    def list(self) -> list[WebUser]:
        """Return every user by name."""
        with self._database.read() as connection:
            rows = connection.execute(sa.select(users).order_by(users.c.name)).mappings()
            return [WebUser(**{**row, "scopes": tuple(row["scopes"])}) for row in rows]

    def note_seen(self, name: str, at: datetime) -> None:
        """Remember when a user last signed in."""
        with self._database.write() as connection:
            connection.execute(sa.update(users).where(users.c.name == name).values(last_seen_at=at))

    def remove(self, name: str) -> None:
        """Forget a user with their saved views and mailed figures, and end their sessions. Raises NotFound for a name that nobody bears."""
        is_theirs = sa.and_(web_sessions.c.kind.in_(("password", "sso")), web_sessions.c.subject == name)
        with self._database.write() as connection:
            if connection.execute(sa.delete(users).where(users.c.name == name)).rowcount == 0:
                raise NotFound("no user bears this name", where=name, remedy="See `churn users list`.")
            connection.execute(sa.delete(web_sessions).where(is_theirs))
            connection.execute(sa.delete(saved_views).where(saved_views.c.owner == name))
            connection.execute(sa.delete(figure_mails).where(figure_mails.c.owner == name))
