"""Translates errors of the databases and their drivers into ours, without their secrets."""

from __future__ import annotations

import shutil
import sqlite3
import sys
from pathlib import Path
from types import TracebackType

from churn.errors import AuthFailed, ChurnError, ConfigError, ResourceError, StoreAway, StoreBusy

BUSY_SECONDS = 30  # how long we wait for another process' write before saying that the store is busy
_BUSY = "Wait for the other process to end, then try again."
_LITTLE = 1 << 18  # bytes: less than one of SQLite's own files beside the store may need
_SPACE = "Free some space, then run the same command again: what was written is whole, and it goes on from there."


class translated:  # noqa: N801 - reads as a statement: `with translated(address)`
    """Raises our errors for theirs. `address` names the database: a path, or host and name, never a password.

    A class, since every read passes here and a generator would double the time that a read spends in Python.
    """

    __slots__ = ("_address",)

    def __init__(self, address: str) -> None:
        self._address = address

    def __enter__(self) -> None:
        """Begin the block whose errors are translated."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Raise our error for theirs."""
        if error is not None and isinstance(error, _foreign()):
            raise _translate(error, self._address) from error


def _foreign() -> tuple[type[BaseException], ...]:
    """Return what the libraries that are loaded raise: each of them is optional, or loaded late."""
    errors: list[type[BaseException]] = [sqlite3.Error]
    if (psycopg := sys.modules.get("psycopg")) is not None:
        errors.append(psycopg.Error)
    if (sqlalchemy := sys.modules.get("sqlalchemy.exc")) is not None:
        errors.append(sqlalchemy.SQLAlchemyError)
    return tuple(errors)


def _translate(error: BaseException, address: str) -> ChurnError:
    if isinstance(error, sqlite3.Error):
        return _from_sqlite(error, address)
    sqlalchemy, psycopg = sys.modules.get("sqlalchemy.exc"), sys.modules.get("psycopg")
    if sqlalchemy is not None and isinstance(error, sqlalchemy.DBAPIError):
        return _translate(error.orig, address) if error.orig is not None else _unusable(error, address)
    if psycopg is not None and isinstance(error, psycopg.Error):
        return _from_postgres(error, address)
    return _unusable(error, address)


def _unusable(error: BaseException, address: str) -> ChurnError:
    return ConfigError(f"the store cannot be used: {type(error).__name__}", where=address)


def _from_sqlite(error: sqlite3.Error, address: str) -> ChurnError:
    code = (getattr(error, "sqlite_errorcode", None) or 0) & 0xFF  # the primary code, without its extension
    if code in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
        return StoreBusy("another process is writing to the store", where=address, remedy=_BUSY)
    if code == sqlite3.SQLITE_FULL or (code == sqlite3.SQLITE_IOERR and _is_full(address)):
        return ResourceError("the disk is full", where=address, remedy=_SPACE)
    if code in {sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM}:
        return ResourceError(
            f"the store cannot be written or read: {error}",
            where=address,
            remedy="Look at the folder's permissions and the disk's space.",
        )
    if code in {sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT}:
        return ConfigError(
            "this file is not a store (or is damaged)",
            where=address,
            remedy="If it was the store, restore it: churn restore BACKUP --replace. It alone holds objections, holdouts and"
            " measurements, so do not begin a new one. If not, choose another --home or CHURN_STORE_URL.",
        )
    return ConfigError(f"the store refuses: {error}", where=address, remedy="See the log, and report this if it stays.")


def _is_full(path: str) -> bool:
    """Say whether the disk of `path` is full: SQLite then reports some failures as disk I/O errors."""
    try:
        return shutil.disk_usage(Path(path).parent).free < _LITTLE
    except OSError:
        return False


def _from_postgres(error: BaseException, address: str) -> ChurnError:
    state = str(getattr(error, "sqlstate", None) or "")
    # The server's own sentence; its details, which may hold a customer's data, are left out. A failed connection has
    # text only, of which the last line is the server's: it names user and database, never the password.
    lines = str(error).strip().splitlines() or [type(error).__name__]
    primary = getattr(getattr(error, "diag", None), "message_primary", None)
    last = str(primary or lines[-1])
    if state[:2] == "53":
        return ResourceError(f"the database server is out of resources: {last}", where=address, remedy=_SPACE)
    if state in {"55P03", "40P01", "40001", "57014"}:
        return StoreBusy("another process keeps the store locked", where=address, remedy=_BUSY)
    if not state or state[:2] in {"08", "28", "3D", "57"}:
        return _from_connecting(state, last, address)
    return ConfigError(
        f"the store refuses: {last}",
        where=address,
        remedy="The user in CHURN_STORE_URL must be allowed to create and write the store's tables.",
    )


def _from_connecting(state: str, last: str, address: str) -> ChurnError:
    """Find out from its text why a connection to PostgreSQL failed; it carries no code."""
    if state[:2] == "28" or "authentication failed" in last or "no password supplied" in last:
        return AuthFailed(
            "PostgreSQL refuses our credentials",
            where=address,
            remedy="Look at the user in CHURN_STORE_URL, and at the password there or in PGPASSWORD.",
        )
    if state[:2] == "3D" or ("database" in last and "does not exist" in last):
        return ConfigError("there is no such database", where=address, remedy="Create it, or mend CHURN_STORE_URL.")
    return StoreAway(
        "PostgreSQL does not answer", where=address, remedy="Look whether it runs there and may be reached."
    )
