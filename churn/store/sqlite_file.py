"""Reads an SQLite store by its driver alone: what a command that only shows the current list needs, in a few milliseconds.

Loading SQLAlchemy takes a quarter of a second. The statements are the same ones; only the way to the driver is shorter.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from churn.store.faults import BUSY_SECONDS, translated
from churn.store.migration import revisions
from churn.store.repositories.score_reader import Fetch

_PREFIX = "sqlite:///"


class SqliteFile:
    """A store's file whose schema is the newest."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @contextmanager
    def fetching(self) -> Iterator[Fetch]:
        """Give a function that runs a statement and returns its rows; all it reads is of one instant."""
        with (
            translated(str(self.path)),
            closing(sqlite3.connect(self.path, timeout=BUSY_SECONDS, isolation_level=None)) as connection,
        ):
            connection.execute("begin")
            yield lambda sql, values: connection.execute(sql, dict(values)).fetchall()


def ready_file(url: str) -> SqliteFile | None:
    """Return the file at `url` if it is an SQLite store with nothing to migrate.

    None for everything else, faults included: opening the store in full tells them, or mends them.
    """
    name = url.removeprefix(_PREFIX)
    if name == url or not name or any(sign in name for sign in "?%:"):
        return None
    path = Path(name)
    try:
        if not path.is_file():
            return None
        with closing(sqlite3.connect(path, timeout=BUSY_SECONDS)) as connection:
            found = connection.execute("select version_num from alembic_version").fetchall()
    except (OSError, sqlite3.Error):
        return None
    return SqliteFile(path) if found == [(revisions()[-1],)] else None
