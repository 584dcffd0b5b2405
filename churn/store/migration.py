"""Brings the store's schema to the newest revision, once, however many processes open it at the same time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from functools import cache
from pathlib import Path

import sqlalchemy as sa

from churn.errors import ConfigError, ResourceError, StoreBusy
from churn.store.database import Database
from churn.store.faults import BUSY_SECONDS

FOLDER = Path(__file__).resolve().parent / "migrations"


@cache
def revisions() -> tuple[str, ...]:
    """Return every revision this version knows, oldest first: `v0001_name.py` is revision `0001`."""
    return tuple(sorted(path.name[1:5] for path in (FOLDER / "versions").glob("v[0-9]*.py")))


_FULL = 1 << 20  # bytes: a warehouse with nothing in it has a few thousand
_LOCK_NUMBER = 7_304_211  # an arbitrary number, the same in every process, for the server's advisory lock


def migrate(database: Database, *, warehouse: Path | None = None) -> None:
    """Upgrade `database` to the newest revision; do nothing, fast, when it is there already.

    Raises ConfigError when a newer version of churn has written it, and for an empty one beside a full `warehouse`.
    """
    revision = _revision(database)
    if revision == revisions()[-1]:
        return
    if revision is None and warehouse is not None:
        _refuse_to_begin_beside(warehouse, database.address)
    with _alone(database):
        if _revision(database) == revisions()[-1]:
            return  # another process migrated it while we waited
        _upgrade(database)


def _refuse_to_begin_beside(warehouse: Path, address: str) -> None:
    """Raise ConfigError where the warehouse is full: every command that fills it opens the store first, so that was lost."""
    if warehouse.is_file() and warehouse.stat().st_size >= _FULL:
        raise ConfigError(
            "the store is empty, but the warehouse beside it is full: a store was here before",
            where=address,
            remedy="Restore it: churn restore BACKUP --replace. It holds objections, holdouts, keys and measurements that the"
            f" sources do not. To begin anew all the same, move {warehouse} away as well.",
        )


def _revision(database: Database) -> str | None:
    path = database.path
    if path is not None and not path.exists():
        return None
    with database.read() as connection:
        if not sa.inspect(connection).has_table("alembic_version"):
            return None
        version = connection.execute(sa.text("select version_num from alembic_version")).scalar()
    if version is not None and version not in revisions():
        raise ConfigError(
            f"a newer version of churn wrote this store (its schema is {version}, this version knows up to {revisions()[-1]})",
            where=database.address,
            remedy="Upgrade churn, or choose another --home or CHURN_STORE_URL.",
        )
    return str(version) if version is not None else None


@contextmanager
def _alone(database: Database) -> Iterator[None]:
    """Keep other processes from migrating the same SQLite file; PostgreSQL has a lock of its own (see `_upgrade`)."""
    path = database.path
    if path is None:
        with nullcontext():
            yield
        return
    from filelock import FileLock, Timeout

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(path.with_name(path.name + ".lock"), timeout=BUSY_SECONDS)
        lock.acquire()
    except Timeout as error:
        raise StoreBusy(
            "another process is preparing the store", where=database.address, remedy="Try again when it is done."
        ) from error
    except OSError as error:
        raise ResourceError(
            f"the store cannot be made: {error.strerror}", where=database.address, remedy="Choose another --home."
        ) from error
    try:
        yield
    finally:
        lock.release()


def _upgrade(database: Database) -> None:
    from alembic import command
    from alembic.config import Config

    if database.path is not None:
        _use_wal(database)
    config = Config()
    config.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
    # One transaction for all revisions, on both databases: a killed upgrade leaves the old schema whole.
    with database.write() as connection:
        if not database.is_sqlite:
            connection.execute(sa.text("select pg_advisory_xact_lock(:number)"), {"number": _LOCK_NUMBER})
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def _use_wal(database: Database) -> None:
    """Let readers read while one writes. A property of the file, and not to be set inside a transaction."""
    with database.raw() as cursor:
        cursor.execute("pragma journal_mode = wal")
