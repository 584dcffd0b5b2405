"""Copies a whole store into one SQLite file while others write to it, and such a file back into a store that is in use."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa

from churn.errors import ConfigError, StoreBusy
from churn.store.database import Database, connect
from churn.store.faults import BUSY_SECONDS, translated
from churn.store.migration import migrate
from churn.store.programme_tables import schema
from churn.store.score_lists import begin_list, end_list
from churn.store.service_tables import web_sessions
from churn.store.tables import scores

if TYPE_CHECKING:
    from churn.store.store import Store

_ROWS = 5_000  # at a time
_PAGES = 2_000  # at a time, so that a copy that has to wait for somebody can be given up


def save_store(store: Store, target: Path) -> None:
    """Write the store as it is at one instant into a new SQLite file. Raises as the store does."""
    database = store.database
    if database.path is not None:
        _copy_file(database.path, target)
        return
    copy = connect(f"sqlite:///{target.as_posix()}")
    try:
        migrate(copy)
        _copy_rows(database, copy)
    finally:
        copy.close()
    _make_one_file(target)


def bring_back_store(saved: Path, url: str) -> bool:
    """Make the store at `url` what the file `saved` holds, all at once; False where a damaged file had to be replaced.

    `saved` is brought up to this version's schema first. Browsers that were signed in then are signed out. Who has an
    SQLite store open sees the change; who has a damaged one open has to be started again.
    """
    source = connect(f"sqlite:///{saved.as_posix()}")
    target = connect(url)
    try:
        migrate(source)
        with source.write() as connection:
            connection.execute(sa.delete(web_sessions))
        if target.path is None:
            migrate(target)
            _copy_rows(source, target)
            return True
        source.close()
        _make_one_file(saved)
        return _replace_file(saved, target.path)
    finally:
        source.close()
        target.close()


def _replace_file(saved: Path, path: Path) -> bool:
    try:
        _copy_file(saved, path)
    except ConfigError:  # what lies there is no database any more
        for name in (path.name, f"{path.name}-wal", f"{path.name}-shm"):
            path.with_name(name).unlink(missing_ok=True)
        _copy_file(saved, path)
        is_same_file = False
    else:
        is_same_file = True
    with translated(str(path)), closing(sqlite3.connect(path, timeout=BUSY_SECONDS)) as connection:
        connection.execute("pragma journal_mode = wal")
    return is_same_file


def _copy_file(source: Path, target: Path) -> None:
    """Copy page by page, in one transaction of the target; writers of the source make it begin again."""
    address = str(target)
    waited = 0

    def watch(_status: int, remaining: int, total: int) -> None:
        nonlocal waited
        waited = waited + 1 if remaining == total else 0  # somebody reads the target all the time
        if waited > BUSY_SECONDS * 4:
            raise StoreBusy(
                "another process keeps the store locked", where=address, remedy="Try again when it is done."
            )

    with (
        translated(address),
        closing(sqlite3.connect(source, timeout=BUSY_SECONDS)) as reading,
        closing(sqlite3.connect(target, timeout=BUSY_SECONDS)) as writing,
    ):
        writing.execute("select count(*) from sqlite_master")  # told now if this is no database
        reading.execute("begin")  # one state of the source, however long the copy takes
        reading.execute("select count(*) from sqlite_master")
        reading.backup(writing, pages=-1, progress=watch, sleep=0.25)


def _make_one_file(path: Path) -> None:
    with translated(str(path)), closing(sqlite3.connect(path, timeout=BUSY_SECONDS)) as connection:
        connection.execute("pragma journal_mode = delete")


def _copy_rows(source: Database, target: Database) -> None:
    """Replace every row of `target` by those of `source`, whose schemas are the same, in one transaction."""
    with source.read() as reading, target.write() as writing:
        for table in reversed(schema.sorted_tables):
            writing.execute(sa.delete(table))
        for table in schema.sorted_tables:
            new_list = begin_list(writing) if table is scores and not target.is_sqlite else None
            into = table if new_list is None else new_list
            result = reading.execution_options(yield_per=_ROWS).execute(sa.select(table))
            for rows in result.mappings().partitions(_ROWS):
                for _, alike in groupby((_filled(table, row) for row in rows), key=len):
                    writing.execute(sa.insert(into), list(alike))
            if new_list is not None:
                end_list(writing, new_list)
            if not target.is_sqlite:
                _continue_numbers(writing, table)


def _filled(table: sa.Table, row: sa.RowMapping) -> dict[str, object]:
    """Return the row without JSON columns that are null: None would be written as JSON's null, which is a value."""
    documents = {column.name for column in table.columns if isinstance(column.type, sa.JSON)}
    return {name: value for name, value in row.items() if value is not None or name not in documents}


def _continue_numbers(connection: sa.Connection, table: sa.Table) -> None:
    """Let PostgreSQL go on counting after the numbers that were copied."""
    for column in table.primary_key.columns:
        if isinstance(column.type, sa.Integer):
            sequence = connection.execute(
                sa.text("select pg_get_serial_sequence(:table, :column)"), {"table": table.name, "column": column.name}
            ).scalar()
            if sequence is not None:
                newest = connection.execute(sa.select(sa.func.max(column))).scalar()
                connection.execute(
                    sa.text("select setval(cast(:sequence as regclass), :newest, :is_used)"),
                    {"sequence": sequence, "newest": newest or 1, "is_used": newest is not None},
                )
