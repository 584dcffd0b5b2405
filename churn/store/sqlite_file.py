"""Reads an SQLite store through its driver with the same statements, which is much faster than through SQLAlchemy."""

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from churn.store.faults import BUSY_SECONDS, translated
from churn.store.migration import revisions
from churn.store.repositories.score_reader import Fetch, Rows, Values

_PREFIX = "sqlite:///"
_CACHE_KB = 16_000  # holds the index of a million customers' ids but for its leaves; the 2 MB of SQLite's own do not


class SqliteFile:
    """A store's file whose schema is the newest. Connections stay open for the next reader: opening one costs ten reads."""

    def __init__(self, path: Path, *, is_patient: bool = True) -> None:
        self.path = path
        self._address = str(path)
        self._is_patient = is_patient  # whether to wait where another process has locked the file, or raise StoreBusy
        self._idle: list[sqlite3.Connection] = []
        self._is_closed = False

    def fetch(self, sql: str, values: Values) -> Rows:
        """Return the rows of one statement, which sees one state of the database."""
        with translated(self._address):
            connection = self._taken()
            try:
                rows = connection.execute(sql, values).fetchall()
            except BaseException:
                connection.close()
                raise
            self._put_back(connection)
            return rows

    @contextmanager
    def fetching(self) -> Iterator[Fetch]:
        """Open a transaction that sees one state of the database from its first statement to its last."""
        with translated(self._address):
            connection = self._taken()
            try:
                connection.execute("begin")
                yield lambda sql, values: connection.execute(sql, values).fetchall()
                connection.execute("commit")
            except BaseException:
                connection.close()
                raise
            self._put_back(connection)

    def _taken(self) -> sqlite3.Connection:
        """Return a connection for one reader, who puts it back, or closes it after an error."""
        try:
            return self._idle.pop()
        except IndexError:
            seconds = BUSY_SECONDS if self._is_patient else 0
            connection = _opened(self.path, seconds)
            return _asked(connection, f"pragma cache_size = -{_CACHE_KB}")

    def _put_back(self, connection: sqlite3.Connection) -> None:
        """Keep a connection for the next reader."""
        self._idle.append(connection)
        if self._is_closed:  # while this reader read
            self.close()

    def close(self) -> None:
        """Close the connections: those in use when their readers are done."""
        self._is_closed = True
        with suppress(IndexError):  # two threads may empty it at once
            while True:
                self._idle.pop().close()


def _opened(path: Path, seconds: float) -> sqlite3.Connection:
    """Return a connection that reads, also where nothing can be written: SQLite's own files beside the store are then left out."""
    if os.access(path.parent, os.W_OK):
        return sqlite3.connect(path, timeout=seconds, isolation_level=None, check_same_thread=False)
    wal, index = (path.with_name(f"{path.name}{ending}") for ending in ("-wal", "-shm"))
    has_log = wal.exists() and wal.stat().st_size > 0
    if has_log and not index.exists():
        return _of_copy(path, wal)
    # Without a log nobody is writing, and the file is the whole store.
    address = f"{path.resolve().as_uri()}?mode=ro" + ("" if has_log else "&immutable=1")
    return sqlite3.connect(address, uri=True, timeout=seconds, isolation_level=None, check_same_thread=False)


def _of_copy(path: Path, wal: Path) -> sqlite3.Connection:
    """Return a connection to a copy: SQLite would have to write the index of the log that a killed process left."""
    with tempfile.TemporaryDirectory() as folder:
        for file in (path, wal):
            shutil.copyfile(file, Path(folder) / file.name)
        connection = sqlite3.connect(Path(folder) / path.name, isolation_level=None, check_same_thread=False)
        return _asked(connection, "select count(*) from sqlite_master")  # opens its files, which then may go


def _asked(connection: sqlite3.Connection, sql: str) -> sqlite3.Connection:
    """Return a new connection that has answered `sql`; one that cannot, because the file is locked or damaged, is closed."""
    try:
        connection.execute(sql).fetchall()
    except BaseException:
        connection.close()
        raise
    return connection


def ready_file(url: str) -> SqliteFile | None:
    """Return the file at `url` if it is an SQLite store with nothing to migrate.

    None for everything else, faults included: opening the store in full reports or repairs them.
    """
    name = url.removeprefix(_PREFIX)
    if name == url or not name or any(sign in name for sign in "?%:"):
        return None
    path = Path(name)
    try:
        if not path.is_file():
            return None
        with closing(_opened(path, BUSY_SECONDS)) as connection:
            versions = connection.execute("select version_num from alembic_version").fetchall()
    except (OSError, sqlite3.Error):
        return None
    return SqliteFile(path) if versions == [(revisions()[-1],)] else None
