"""API keys: made, looked up, revoked; only the hash of a secret is ever kept."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import sqlalchemy as sa

from churn.errors import ConfigError, NotFound
from churn.store.database import Database
from churn.store.service_records import ApiKey
from churn.store.service_tables import api_keys, web_sessions

_USE_NOTED_EVERY = timedelta(minutes=1)  # writing on every request would make readers wait for each other


class KeyRepository:
    """Reads and writes `api_keys`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, key_id: str, name: str, secret_hash: str, scopes: Sequence[str], at: datetime) -> None:
        """Keep a new key. Raises ConfigError when the name is taken, by a revoked key too: names stay traceable."""
        values = {"key_id": key_id, "name": name, "secret_hash": secret_hash, "scopes": list(scopes), "created_at": at}
        with self._database.write(lock=api_keys) as connection:
            taken = connection.execute(sa.select(api_keys.c.key_id).where(api_keys.c.name == name)).first()
            if taken is not None:
                raise ConfigError("a key of this name exists already", where=name, remedy="Choose another name.")
            connection.execute(sa.insert(api_keys).values(**values))

    def find(self, key_id: str) -> ApiKey | None:
        """Return a key by its public part, revoked or not."""
        with self._database.read() as connection:
            row = connection.execute(sa.select(api_keys).where(api_keys.c.key_id == key_id)).mappings().one_or_none()
        return None if row is None else ApiKey(**{**row, "scopes": tuple(row["scopes"])})

    def list(self) -> list[ApiKey]:
        """Return every key, oldest first."""
        query = sa.select(api_keys).order_by(api_keys.c.created_at, api_keys.c.key_id)
        with self._database.read() as connection:
            return [ApiKey(**{**row, "scopes": tuple(row["scopes"])}) for row in connection.execute(query).mappings()]

    def note_use(self, key: ApiKey, at: datetime) -> None:
        """Remember when a key was last used, to the minute."""
        if key.last_used_at is not None and at - key.last_used_at < _USE_NOTED_EVERY:
            return
        with self._database.write() as connection:
            connection.execute(sa.update(api_keys).where(api_keys.c.key_id == key.key_id).values(last_used_at=at))

    def revoke(self, name: str, at: datetime) -> None:
        """Refuse a key from now on, and end the sessions it opened. Raises NotFound for a name that no valid key bears."""
        is_valid = sa.and_(api_keys.c.name == name, api_keys.c.revoked_at.is_(None))
        with self._database.write() as connection:
            if connection.execute(sa.update(api_keys).where(is_valid).values(revoked_at=at)).rowcount == 0:
                raise NotFound("no valid key bears this name", where=name, remedy="See `churn keys list`.")
            key_ids = sa.select(api_keys.c.key_id).where(api_keys.c.name == name)
            opened = sa.and_(web_sessions.c.kind == "key", web_sessions.c.subject.in_(key_ids))
            connection.execute(sa.delete(web_sessions).where(opened))
