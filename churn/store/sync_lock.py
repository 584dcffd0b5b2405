"""One push per destination at a time: a lock that the operating system releases when its holder dies."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa

from churn.errors import ResourceError, SyncBusy
from churn.store.database import Database

_REMEDY = "Try again when it is done."


@contextmanager
def destination_lock(database: Database, connector: str, holder: str) -> Iterator[None]:
    """Hold the lock of `connector` for everybody who uses this store; `holder` is what others are told.

    A file beside an SQLite store, an advisory lock of PostgreSQL's: both are free again when the process ends, however
    it does. Raises SyncBusy naming the holder.
    """
    if database.path is not None:
        with _file_lock(database.path, connector, holder):
            yield
    elif database.is_sqlite:
        yield  # in memory: there is nobody else
    else:
        with _advisory_lock(database, connector):
            yield


@contextmanager
def _file_lock(store: Path, connector: str, holder: str) -> Iterator[None]:
    from filelock import FileLock, Timeout

    name = re.sub(r"[^A-Za-z0-9_-]", "_", connector)
    path = store.with_name(f"{store.name}.sync-{name}.lock")
    lock = FileLock(path, is_singleton=False)
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        raise _busy(connector, _signature(path)) from error
    except OSError as error:
        raise ResourceError(f"cannot be locked: {error.strerror}", where=str(path)) from error
    try:
        path.write_text(json.dumps({"holder": holder, "pid": os.getpid()}) + "\n", encoding="utf-8")
        yield
    finally:
        lock.release()


def _signature(path: Path) -> str:
    try:
        holder = json.loads(path.read_text(encoding="utf-8"))
        return f"{holder['holder']} (process {holder['pid']})"
    except (OSError, ValueError, KeyError, TypeError):
        return "another process"  # it has taken the lock but not yet signed it


@contextmanager
def _advisory_lock(database: Database, connector: str) -> Iterator[None]:
    number = int.from_bytes(hashlib.sha256(f"churn sync {connector}".encode()).digest()[:8], signed=True)
    with database.raw() as cursor:  # a connection of its own: the lock lasts as long as it does
        cursor.execute("select pg_try_advisory_lock(%s)", (number,))
        if not cursor.fetchone()[0]:
            raise _busy(connector, _running(database, connector))
        try:
            yield
        finally:
            cursor.execute("select pg_advisory_unlock(%s)", (number,))


def _running(database: Database, connector: str) -> str:
    query = sa.text(
        "select holder from sync_runs where connector = :connector and state = 'running' "
        "order by started_at desc limit 1"
    )
    with database.read() as connection:
        holder = connection.execute(query, {"connector": connector}).scalar()
    return str(holder) if holder else "another process"


def _busy(connector: str, holder: str) -> SyncBusy:
    return SyncBusy(f"{holder} is pushing to it", where=f"connector {connector}", remedy=_REMEDY)
