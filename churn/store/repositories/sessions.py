"""Sessions of browsers, one-time links, and attempts to sign in; only hashes of secrets are ever kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime

import sqlalchemy as sa

from churn.store.database import Database
from churn.store.service_records import WebSession
from churn.store.service_tables import sign_in_attempts, sign_in_links, web_sessions


class SessionRepository:
    """Reads and writes `web_sessions`, `sign_in_links` and `sign_in_attempts`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, session: WebSession) -> None:
        """Keep a new session, and forget those that have ended."""
        with self._database.write() as connection:
            connection.execute(sa.delete(web_sessions).where(web_sessions.c.expires_at <= session.created_at))
            connection.execute(sa.insert(web_sessions).values(**asdict(session) | {"scopes": list(session.scopes)}))

    def find(self, session_hash: str) -> WebSession | None:
        """Return a session, ended or not."""
        query = sa.select(web_sessions).where(web_sessions.c.session_hash == session_hash)
        with self._database.read() as connection:
            row = connection.execute(query).mappings().one_or_none()
        return None if row is None else WebSession(**{**row, "scopes": tuple(row["scopes"])})

    def renew(self, session_hash: str, *, seen_at: datetime, expires_at: datetime) -> None:
        """Let a session that is in use last longer."""
        with self._database.write() as connection:
            connection.execute(
                sa.update(web_sessions)
                .where(web_sessions.c.session_hash == session_hash)
                .values(seen_at=seen_at, expires_at=expires_at)
            )

    def end(self, session_hash: str) -> None:
        """Forget a session."""
        with self._database.write() as connection:
            connection.execute(sa.delete(web_sessions).where(web_sessions.c.session_hash == session_hash))

    def add_link(self, link_hash: str, scopes: Sequence[str], *, at: datetime, expires_at: datetime) -> None:
        """Keep a one-time link, and forget those that have run out."""
        with self._database.write() as connection:
            connection.execute(sa.delete(sign_in_links).where(sign_in_links.c.expires_at <= at))
            connection.execute(
                sa.insert(sign_in_links).values(link_hash=link_hash, scopes=list(scopes), expires_at=expires_at)
            )

    def use_link(self, link_hash: str, at: datetime) -> tuple[str, ...] | None:
        """Use up a link and return the scopes it gives; None when it is unknown, used or has run out."""
        is_valid = sa.and_(
            sign_in_links.c.link_hash == link_hash,
            sign_in_links.c.used_at.is_(None),
            sign_in_links.c.expires_at > at,
        )
        with self._database.write() as connection:
            # Updated before it is read: of two requests with the same link one finds nothing left to update.
            if connection.execute(sa.update(sign_in_links).where(is_valid).values(used_at=at)).rowcount == 0:
                return None
            query = sa.select(sign_in_links.c.scopes).where(sign_in_links.c.link_hash == link_hash)
            return tuple(connection.execute(query).scalar_one())

    def attempt(self, subjects: Sequence[str], at: datetime, *, since: datetime) -> list[int]:
        """Note an attempt under each subject; return how many each had since `since`, this one not counted."""
        with self._database.write(lock=sign_in_attempts) as connection:
            connection.execute(sa.delete(sign_in_attempts).where(sign_in_attempts.c.attempted_at <= since))
            counted = sa.select(sign_in_attempts.c.subject, sa.func.count()).group_by(sign_in_attempts.c.subject)
            counts = {
                subject: int(count)
                for subject, count in connection.execute(counted.where(sign_in_attempts.c.subject.in_(subjects)))
            }
            rows = [{"subject": subject, "attempted_at": at} for subject in subjects]
            connection.execute(sa.insert(sign_in_attempts), rows)
        return [counts.get(subject, 0) for subject in subjects]

    def attempts(self, subject: str, *, since: datetime) -> int:
        """Return how many attempts a subject had since `since`."""
        is_counted = sa.and_(sign_in_attempts.c.subject == subject, sign_in_attempts.c.attempted_at > since)
        with self._database.read() as connection:
            return int(connection.execute(sa.select(sa.func.count()).where(is_counted)).scalar_one())

    def withdraw_attempt(self, subjects: Sequence[str], at: datetime) -> None:
        """Forget the attempt of that instant: it was a success, which is not counted."""
        is_it = sa.and_(sign_in_attempts.c.subject.in_(subjects), sign_in_attempts.c.attempted_at == at)
        with self._database.write() as connection:
            connection.execute(sa.delete(sign_in_attempts).where(is_it))

    def forget_attempts(self, subject: str) -> int:
        """Forget all attempts under a subject, and under those that begin with it and a colon; return how many."""
        attempts = sign_in_attempts.c.subject
        is_theirs = sa.or_(attempts == subject, attempts.startswith(f"{subject}:", autoescape=True))
        with self._database.write() as connection:
            return connection.execute(sa.delete(sign_in_attempts).where(is_theirs)).rowcount

    def forget_attempts_from(self, address: str) -> int:
        """Forget the attempts under subjects that end with a colon and `address`; return how many."""
        is_theirs = sign_in_attempts.c.subject.endswith(f":{address}", autoescape=True)
        with self._database.write() as connection:
            return connection.execute(sa.delete(sign_in_attempts).where(is_theirs)).rowcount

    def list(self, at: datetime) -> list[WebSession]:
        """Return the sessions that have not ended, the newest first."""
        query = sa.select(web_sessions).where(web_sessions.c.expires_at > at)
        with self._database.read() as connection:
            rows = connection.execute(query.order_by(web_sessions.c.created_at.desc())).mappings()
            return [WebSession(**{**row, "scopes": tuple(row["scopes"])}) for row in rows]
