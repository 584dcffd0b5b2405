"""The warehouse: one DuckDB database under a lock, with bounded memory, that hands on rows and frames."""

from __future__ import annotations

import hashlib
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from churn.config import ResourceSettings
from churn.errors import ConfigError, DataError, ResourceError
from churn.warehouse.faults import translating
from churn.warehouse.interruption import INTERRUPTIONS
from churn.warehouse.lock import acquire

if TYPE_CHECKING:
    import duckdb
    import polars as pl
    from filelock import FileLock
    from numpy.typing import NDArray

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\.[A-Za-z_][A-Za-z0-9_]*")


def quoted(name: str) -> str:
    """Return `name` as an SQL identifier, whatever characters it holds."""
    return '"' + name.replace('"', '""') + '"'


def literal(value: str) -> str:
    """Return `value` as an SQL string."""
    return "'" + value.replace("'", "''") + "'"


class Warehouse:
    """A DuckDB connection whose errors are ours. Made by `open_warehouse`; a context manager."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, *, path: Path | None, lock: FileLock | None) -> None:
        """Wrap `connection`; `lock` is released on close."""
        self.connection = connection
        self.path = path
        self._lock = lock
        self._depth = 0
        self._after_commit: list[Callable[[], None]] = []
        self._own_facts: tempfile.TemporaryDirectory[str] | None = None
        INTERRUPTIONS.watch(connection)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def facts(self) -> Path:
        """The folder of the files that hold facts: beside the database, or one that goes with a database in memory."""
        if self.path is not None:
            return self.path.parent / ("facts" if self.path.name == "warehouse.duckdb" else f"{self.path.stem}-facts")
        if self._own_facts is None:
            self._own_facts = tempfile.TemporaryDirectory(prefix="churn-facts-")
        return Path(self._own_facts.name)

    @property
    def scratch(self) -> Path | None:
        """The folder that queries spill to; None for a database in memory, unless one was set."""
        return Path(folder) if (folder := self.rows("select current_setting('temp_directory')")[0][0]) else None

    def rows(self, sql: str, parameters: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """Run `sql` and return its rows. Raises ConfigError (wrong SQL), DataError, ResourceError."""
        with translating():
            return self.connection.execute(sql, list(parameters)).fetchall()

    def fault_of(self, sql: str) -> str | None:
        """Return what goes wrong when `sql` runs, None where nothing does. Asked beside the connection: a fault ends no transaction."""
        try:
            with translating(), closing(self.connection.cursor()) as beside:
                beside.execute(sql).fetchall()
        except (ConfigError, DataError) as error:
            return error.what
        return None

    def frame(self, sql: str, parameters: Sequence[object] = ()) -> pl.DataFrame:
        """Run `sql` and return a polars frame. Raises as `rows`."""
        with translating():
            frame: pl.DataFrame = self.connection.sql(sql, params=list(parameters)).pl()
            return frame

    def numbers(self, sql: str) -> dict[str, NDArray[Any]]:
        """Run `sql`, whose columns are whole numbers without nulls, and return each as an array. Raises as `rows`."""
        with translating():  # by Arrow, which is a third cheaper than the engine's own arrays
            frame = self.connection.sql(sql).pl()
        return {column.name: column.to_numpy() for column in frame}

    def keep_numbers(self, table: str, values: NDArray[Any]) -> None:
        """Write whole numbers as the column `value` of a temporary table."""
        import polars as pl

        with translating(), self.showing("numbers_to_keep", pl.DataFrame({"value": values}).to_arrow()):
            self.connection.execute(f"create or replace temp table {table} as select * from numbers_to_keep")

    @contextmanager
    def showing(self, name: str, rows: object) -> Iterator[None]:
        """Show `rows`, an Arrow table or a reader of batches, to SQL as `name` within the block."""
        import duckdb

        self.connection.register(name, rows)
        try:
            yield
        except BaseException:
            with suppress(duckdb.TransactionException):  # aborted by what is being raised, which says why
                self.connection.unregister(name)
            raise
        self.connection.unregister(name)

    def execute(self, sql: str, parameters: Sequence[object] = ()) -> None:
        """Run `sql` for its effect. Raises as `rows`."""
        with translating():
            self.connection.execute(sql, list(parameters))

    def write(self, table: str, frame: pl.DataFrame, *, append: bool = False) -> None:
        """Write `frame` as `schema.table`: replaced, or appended to by column name.

        Appending adds columns the table has not met yet, so that a history survives new releases.
        Raises DataError if a column's type cannot become the table's.
        """
        if not _NAME.fullmatch(table):
            raise DataError("a table's name is schema.table", where=table)
        schema, name = table.split(".")
        with self.transaction(), translating(table), self.showing("frame_to_write", frame.to_arrow()):
            self.connection.execute(f"create schema if not exists {quoted(schema)}")
            target = f"{quoted(schema)}.{quoted(name)}"
            if append and self.has_table(table):
                self._add_columns(target)
                self.connection.execute(f"insert into {target} by name select * from frame_to_write")
            else:
                self.connection.execute(f"create or replace table {target} as select * from frame_to_write")

    def _add_columns(self, target: str) -> None:
        known = {row[0] for row in self.connection.execute(f"describe {target}").fetchall()}
        for name, kind, *_ in self.connection.execute("describe frame_to_write").fetchall():
            if name not in known:
                self.connection.execute(f"alter table {target} add column {quoted(name)} {kind}")

    @contextmanager
    def unordered(self) -> Iterator[None]:
        """Let statements in the block write rows in any order, which lets threads write whole blocks independently.

        Not for SQL that numbers rows as they come.
        """
        setting = "set global preserve_insertion_order"
        with (
            translating(),
            closing(self.connection.cursor()) as beside,
        ):  # a failed transaction refuses to change settings
            beside.execute(f"{setting} = false")
            try:
                yield
            finally:
                beside.execute(f"{setting} = true")

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing: rolled back when the block raises. Inside another transaction it joins that one."""
        if self._depth == 0:
            self._after_commit.clear()
            self.execute("begin transaction")
        self._depth += 1
        try:
            yield
        except BaseException:
            self._depth -= 1
            if self._depth == 0:
                self._roll_back()
            raise
        self._depth -= 1
        if self._depth == 0:
            self.execute("commit")
            for action in self._after_commit:
                action()

    def after_commit(self, action: Callable[[], None]) -> None:
        """Call `action` once the running transaction has committed, never if it is rolled back; now where none runs.

        For what removes files that the state before the transaction still needs.
        """
        if self._depth == 0:
            action()
        else:
            self._after_commit.append(action)

    @property
    def is_in_transaction(self) -> bool:
        """Whether a transaction of ours is open."""
        return self._depth > 0

    def _roll_back(self) -> None:
        import duckdb

        try:
            self.connection.execute("rollback")
        except duckdb.Error:
            return  # DuckDB has already rolled back on its own; the first error is the one to show

    def has_table(self, table: str) -> bool:
        """Say whether `schema.table` exists, as a table or a view."""
        schema, _, name = table.rpartition(".")
        place = [schema or "main", name]
        # Faster than information_schema, which describes every column of every table.
        is_table = self.rows("select 1 from duckdb_tables() where schema_name = ? and table_name = ?", place)
        return bool(
            is_table or self.rows("select 1 from duckdb_views() where schema_name = ? and view_name = ?", place)
        )

    def columns(self, table: str) -> dict[str, str]:
        """Return the columns of `schema.table` with their types, in order; empty if there is no such table."""
        if not self.has_table(table):
            return {}
        return {row[0]: row[1] for row in self.rows(f"describe {table}")}

    def type_of(self, expression: str, columns: Mapping[str, str]) -> str:
        """Return the DuckDB type of an expression over `columns` (name to type). Raises ConfigError where it has none.

        Asked beside the connection, so that a wrong expression does not end the transaction.
        """
        values = ", ".join(f"cast(null as {kind}) as {quoted(name)}" for name, kind in columns.items())
        with translating(), closing(self.connection.cursor()) as beside:
            described = beside.execute(f"describe select {expression} as value from (select {values})").fetchone()
        assert described is not None
        return str(described[1])

    def close(self) -> None:
        """Close the database and release the lock. Safe to call twice."""
        INTERRUPTIONS.leave(self.connection)
        self.connection.close()
        if self._own_facts is not None:
            self._own_facts.cleanup()
            self._own_facts = None
        if self._lock is not None:
            self._lock.release()
            self._lock = None


def connect(path: Path | None, *, holder: str, resources: ResourceSettings | None, read_only: bool) -> Warehouse:
    """Open the database at `path`, or one in memory; see `churn.warehouse.opening`, which is what to call."""
    resources = resources or ResourceSettings()
    lock = None
    if path is not None:
        _make_folder(path.parent)
        lock = acquire(path, holder)
    try:
        connection = _connect(path, resources, read_only=read_only)
    except BaseException:
        if lock is not None:
            lock.release()
        raise
    return Warehouse(connection, path=path, lock=lock)


def _connect(path: Path | None, resources: ResourceSettings, *, read_only: bool) -> duckdb.DuckDBPyConnection:
    import duckdb

    scratch = _scratch(path, resources.temp_directory)
    options: dict[str, str | bool | int | float | list[str]] = {
        "memory_limit": resources.memory_limit.replace(" ", ""),
        # Never download extensions.
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
    }
    if resources.threads is not None:
        options["threads"] = resources.threads
    if scratch is not None:
        if path is not None:
            for left in [scratch / "spill", *scratch.glob("downloads-*")]:
                shutil.rmtree(left, ignore_errors=True)  # what a killed run left; the lock is ours
        _make_folder(scratch)
        options["temp_directory"] = str(scratch / "spill")
    with translating(str(path) if path else None):
        connection = duckdb.connect(str(path) if path else ":memory:", read_only=read_only, config=options)
        connection.execute("set TimeZone = 'UTC'")
        # It makes a join of each list of words that a column is compared with: 300 columns of text took minutes to load.
        connection.execute("set disabled_optimizers = 'in_clause'")
        hide_progress(connection)
    return connection


def hide_progress(connection: duckdb.DuckDBPyConnection) -> None:
    """Switch DuckDB's own progress bar off where it is on: stdout is for a command's result.

    Where it is off it is not touched: in a notebook without ipywidgets DuckDB refuses to set it, whatever to.
    """
    # Fetched to the end: what is left of a result stands in the way of the next statement.
    if connection.execute("select current_setting('enable_progress_bar')").fetchall() == [(True,)]:
        connection.execute("set enable_progress_bar = false")


def _scratch(path: Path | None, chosen: Path | None) -> Path | None:
    """Return a folder that no other warehouse uses, even where several were given the same place."""
    if path is None:
        return chosen
    if chosen is None:
        return path.parent / "tmp"
    return chosen / f"churn-{hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:12]}"


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        remedy = "Choose a home that this user may write to."
        raise ResourceError(f"cannot be made: {error.strerror}", where=str(folder), remedy=remedy) from error
