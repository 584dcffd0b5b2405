"""Answers SQL over the published tables: one select, bounded in time and memory, that reaches no file and no network.

Each query has a database of its own in memory, which sees the files of the tables and nothing else: DuckDB is told so
before the SQL is read, and its configuration is locked.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from churn.errors import ConfigError, ResourceError
from churn.warehouse.connection import hide_progress, literal, quoted
from churn.warehouse.faults import translating

if TYPE_CHECKING:
    import duckdb
    import polars as pl

_BATCH: Final = 10_000
_WHERE: Final = "SQL"
_MOST_MB: Final = 256  # of an answer with a bound of rows: whoever asks gets it in one piece


@dataclass(frozen=True)
class QueryLimits:
    """What one query may take; `rows` None for all of them."""

    rows: int | None = None
    seconds: float = 30.0
    memory: str = "1GB"
    threads: int = 2


@dataclass(frozen=True)
class QueryRows:
    """The rows of an answer, the database's types of its columns, and whether there are more than were allowed."""

    frame: pl.DataFrame
    types: tuple[str, ...]
    is_cut_off: bool


def query_files(tables: Sequence[Path], sql: str, limits: QueryLimits) -> QueryRows:
    """Run `sql` over `tables`, each a Parquet file shown as a view of its name.

    Raises ConfigError for SQL that does not run, is no select or reaches for a file, ResourceError when it takes longer or
    more memory than `limits` allow, or its rows are too large for one answer.
    """
    with _sandbox(tables, limits) as connection, translating(_WHERE):
        _require_select(connection, sql)
        late = threading.Event()

        def stop() -> None:
            late.set()
            connection.interrupt()

        timer = threading.Timer(limits.seconds, stop)
        timer.daemon = True
        timer.start()
        try:
            return _fetch(connection, sql, limits.rows)
        except Exception as error:
            raise _explained(error, limits, is_late=late.is_set()) from error
        finally:
            timer.cancel()


@contextmanager
def _sandbox(tables: Sequence[Path], limits: QueryLimits) -> Iterator[duckdb.DuckDBPyConnection]:
    import duckdb

    options: dict[str, str | bool | int | float | list[str]] = {
        "memory_limit": limits.memory,
        "threads": limits.threads,
        "temp_directory": "",
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
    }
    with translating(_WHERE):
        connection = duckdb.connect(":memory:", config=options)
    try:
        with translating(_WHERE):
            connection.execute("set TimeZone = 'UTC'")
            hide_progress(connection)
            for path in tables:
                view = f"create view {quoted(path.stem)} as select * from read_parquet({literal(str(path))})"
                connection.execute(view)
            allowed = ", ".join(literal(str(path)) for path in tables)
            connection.execute(f"set allowed_paths = [{allowed}]")
            connection.execute("set enable_external_access = false")
            connection.execute("set lock_configuration = true")
        yield connection
    finally:
        connection.close()


def _require_select(connection: duckdb.DuckDBPyConnection, sql: str) -> None:
    import duckdb

    statements = connection.extract_statements(sql)
    if len(statements) != 1 or statements[0].type not in {duckdb.StatementType.SELECT, duckdb.StatementType.EXPLAIN}:
        raise ConfigError(
            "only one select is answered" if statements else "there is no SQL",
            where=_WHERE,
            remedy="Write a single `select ...`; `show tables` and `describe scores` say what there is.",
        )


def _fetch(connection: duckdb.DuckDBPyConnection, sql: str, limit: int | None) -> QueryRows:
    import polars as pl
    import pyarrow as pa

    relation = connection.sql(sql)
    assert relation is not None  # a select has rows
    types = tuple(str(kind) for kind in relation.types)
    reader = relation.to_arrow_reader(_BATCH)
    batches, rows, size = [], 0, 0
    for batch in reader:
        batches.append(batch)
        rows += batch.num_rows
        size += batch.nbytes
        if limit is not None and size > _MOST_MB << 20:
            raise ResourceError(
                f"the answer takes more than {_MOST_MB} MB",
                where=_WHERE,
                remedy="Ask for fewer columns or rows, or for shorter texts.",
            )
        if limit is not None and rows > limit:
            break
    frame = pl.from_arrow(pa.Table.from_batches(batches, schema=reader.schema))
    assert isinstance(frame, pl.DataFrame)
    is_cut_off = limit is not None and rows > limit
    return QueryRows(frame.head(limit) if limit is not None else frame, types, is_cut_off)


def _explained(error: Exception, limits: QueryLimits, *, is_late: bool) -> Exception:
    """Return what to raise for `error`: its own kind, or why the query was refused or stopped."""
    import duckdb

    if is_late:
        return ResourceError(
            f"took longer than {limits.seconds:g} s and was stopped",
            where=_WHERE,
            remedy="Ask for less: a filter, or fewer tables joined.",
        )
    if isinstance(error, duckdb.PermissionException):
        return ConfigError(
            "reaches for something outside of the published tables",
            where=_WHERE,
            remedy="`show tables` says which there are; SQL reads no files and no addresses.",
        )
    if isinstance(error, duckdb.OutOfMemoryException):
        return ResourceError(
            f"took more than {limits.memory} of memory", where=_WHERE, remedy="Ask for less: a filter, or a limit."
        )
    if isinstance(error, duckdb.ConversionException | duckdb.OutOfRangeException | duckdb.InvalidInputException):
        return ConfigError(str(error).splitlines()[0], where=_WHERE, remedy="Mend the SQL.")
    return error
