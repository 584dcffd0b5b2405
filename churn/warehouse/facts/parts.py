"""The parts of a fact table: which Parquet files hold its rows, what they came from, and the views over all of them.

A part holds the rows of one delivered file and one load, or many small ones that were merged, whose rows say themselves
where they came from. `raw.TABLE` shows the rows of every part as one table, and
`facts.TABLE` the same rows with `fact_row`, which names a row by its part and its place in the file. Parts are written
before the transaction that lists them commits; a file that no committed row lists is an orphan, and is removed.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Final

from churn.warehouse.connection import Warehouse, literal, quoted
from churn.warehouse.loading.contracts import BOOKKEEPING, TABLES, Table

PLACE: Final = "fact_row"  # in facts.TABLE: the part's number and the row's place in its file, as one number
ROWS_OF_A_PART: Final = 1 << 32
_SCHEMA: Final = """
create schema if not exists raw;
create schema if not exists facts;
create table if not exists facts.parts (
    part_id bigint, source varchar, path varchar, source_file varchar, load_id bigint, loaded_at timestamp,
    is_copy boolean, rows bigint, first_at timestamp, last_at timestamp, columns varchar
);
create table if not exists facts.extra_columns (source varchar, name varchar, type varchar, position bigint);
create table if not exists facts.place (folder varchar, next_number bigint);
"""


@dataclass(frozen=True)
class Stored:
    """A column of a part: its name in the table, its name in the file, and its type there."""

    name: str
    in_file: str
    type: str


@dataclass(frozen=True)
class Part:
    """One Parquet file of a fact table; a copy holds the delivered bytes, and its rows are numbered by their place."""

    part_id: int
    path: str
    source_file: str | None
    load_id: int | None
    loaded_at: datetime | None
    is_copy: bool
    columns: tuple[Stored, ...]
    rows: int = 0
    first_us: int | None = None
    last_us: int | None = None

    @property
    def is_merged(self) -> bool:
        """Whether its rows came from several files and loads; `load_id` is then the newest."""
        return any(column.name == "source_file" for column in self.columns)


def of_many(part: Part, newest: Part) -> Part:
    """Return a part whose rows say themselves where they came from, as one known since the `newest` of their loads."""
    return replace(part, load_id=newest.load_id, loaded_at=newest.loaded_at)


def prepare(warehouse: Warehouse) -> None:
    """Create the list of parts."""
    warehouse.execute(_SCHEMA)
    if not warehouse.rows("select 1 from facts.place"):
        warehouse.execute("insert into facts.place values (?, 1)", [str(warehouse.facts)])


def is_kept(warehouse: Warehouse, name: str) -> bool:
    """Say whether `raw.NAME` shows the parts of a fact table."""
    return (
        name in TABLES
        and TABLES[name].is_kept_in_files
        and bool(warehouse.rows("select 1 from duckdb_views() where schema_name = 'facts' and view_name = ?", [name]))
    )


def kept_tables(warehouse: Warehouse) -> list[str]:
    """Return the names of the fact tables that are kept in parts."""
    views = warehouse.rows("select view_name from duckdb_views() where schema_name = 'facts'")
    return sorted(name for (name,) in views if name in TABLES and TABLES[name].is_kept_in_files)


def parts_of(warehouse: Warehouse, source: str) -> list[Part]:
    """Return the parts of a fact table in the order in which they were added."""
    micros = (
        "case when isfinite({0}) then epoch_us({0}) when {0} > timestamp '2000-01-01' then 9223372036854775807"
        " else -9223372036854775807 end"
    )
    listed = warehouse.rows(
        "select part_id, path, source_file, load_id, loaded_at, is_copy, columns, rows,"
        f" {micros.format('first_at')}, {micros.format('last_at')}"
        " from facts.parts where source = ? order by part_id",
        [source],
    )
    return [
        Part(number, path, file, load_id, loaded_at, is_copy, _stored(columns), rows, first, last)
        for number, path, file, load_id, loaded_at, is_copy, columns, rows, first, last in listed
    ]


def _stored(columns: str) -> tuple[Stored, ...]:
    return tuple(Stored(*column) for column in json.loads(columns))


def columns_of(warehouse: Warehouse, table: Table) -> dict[str, str]:
    """Return the columns of a fact table with their types: its own, where each row came from, and further ones."""
    extra = warehouse.rows(
        "select name, type from facts.extra_columns where source = ? order by position", [table.name]
    )
    own = {**table.types, **BOOKKEEPING}
    return {**own, **{name: kind for name, kind in extra if name.lower() not in own}}


def set_column(warehouse: Warehouse, table: Table, name: str, kind: str) -> None:
    """Add a further column to a fact table, or change its type."""
    known = warehouse.rows(
        "select 1 from facts.extra_columns where source = ? and lower(name) = lower(?)", [table.name, name]
    )
    if known:
        warehouse.execute(
            "update facts.extra_columns set type = ? where source = ? and lower(name) = lower(?)",
            [kind, table.name, name],
        )
        return
    warehouse.execute(
        "insert into facts.extra_columns select ?, ?, ?, 1 + count(*) from facts.extra_columns where source = ?",
        [table.name, name, kind, table.name],
    )


def next_number(warehouse: Warehouse) -> int:
    """Return a number that no part and no file of a part has."""
    number = int(warehouse.rows("select next_number from facts.place")[0][0])
    warehouse.execute("update facts.place set next_number = next_number + 1")
    return number


def path_of(source: str, number: int) -> str:
    """Return where a part of that number lies, below the folder of facts."""
    return f"{source}/{number:08d}.parquet"


def add(warehouse: Warehouse, table: Table, part: Part) -> int:
    """List a part whose file is written, and return its rows; they and the instants that bound them are read from the file."""
    columns = json.dumps([[column.name, column.in_file, column.type] for column in part.columns])
    dated = next((column.in_file for column in part.columns if column.name == table.occurred_at), None)
    path = literal(str(warehouse.facts / part.path))
    described = (
        f"select (select sum(num_rows) from parquet_file_metadata({path})), min(try_cast(stats_min_value as timestamp)),"
        f" max(try_cast(stats_max_value as timestamp)) from parquet_metadata({path}) where path_in_schema = ?"
        " having count(*) = count(try_cast(stats_min_value as timestamp))"
    )
    rows = warehouse.rows(described, [dated]) if dated is not None else []
    if not rows or rows[0][0] is None:  # whoever wrote the file left out what it holds
        bounds = f"min({quoted(dated)}), max({quoted(dated)})" if dated is not None else "null, null"
        rows = warehouse.rows(f"select count(*), {bounds} from read_parquet({path}, hive_partitioning = false)")
    warehouse.execute(
        "insert into facts.parts values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            part.part_id, table.name, part.path, part.source_file, part.load_id, part.loaded_at, part.is_copy,
            *rows[0], columns,
        ],
    )  # fmt: skip
    return int(rows[0][0])


def remove(warehouse: Warehouse, source: str, files: Sequence[str]) -> None:
    """Take out of the list what came from delivered files of these names; merged parts are not looked into."""
    listed = ", ".join(literal(name) for name in files)
    warehouse.execute(f"delete from facts.parts where source = ? and source_file in ({listed})", [source])


def forget_missing(warehouse: Warehouse, table: Table) -> None:
    """Take parts out of the list whose files are gone: all that can be done is to load again what they came from."""
    gone = [part for part in parts_of(warehouse, table.name) if not (warehouse.facts / part.path).is_file()]
    for part in gone:
        warehouse.execute("delete from facts.parts where part_id = ?", [part.part_id])
    if gone:
        show(warehouse, table)


def rename(warehouse: Warehouse, table: Table, old: str, new: str) -> None:
    """Say of parts that the file they came from goes by another name now."""
    warehouse.execute(
        "update facts.parts set source_file = ? where source = ? and source_file = ?", [new, table.name, old]
    )
    show(warehouse, table)


def relation(warehouse: Warehouse, table: Table, parts: Sequence[Part]) -> str:
    """Return a select of the rows of `parts`, with the columns of `facts.TABLE`."""
    columns = columns_of(warehouse, table)
    if not parts:
        empty = [f"cast(null as {kind}) as {quoted(name)}" for name, kind in columns.items()]
        return f"select {', '.join(empty)}, cast(null as bigint) as {PLACE} where false"
    groups: dict[tuple[bool, tuple[Stored, ...]], list[Part]] = {}
    for part in parts:
        groups.setdefault((part.is_copy, part.columns), []).append(part)
    return "\nunion all\n".join(_select(warehouse.facts, columns, group) for group in groups.values())


def _select(folder: Path, columns: Mapping[str, str], parts: Sequence[Part]) -> str:
    """Return a select of parts whose files have the same columns."""
    have = {column.name.lower(): column for column in parts[0].columns}
    of_part = {
        "load_id": _by_part([part.load_id for part in parts], "bigint"),
        "loaded_at": _by_part([part.loaded_at for part in parts], "timestamp"),
        "source_file": _by_part([part.source_file for part in parts], "varchar"),
        "row_number": "file_row_number + 1" if parts[0].is_copy else quoted("row_number"),
    }
    chosen = []
    for name, kind in columns.items():
        if name in of_part and not parts[0].is_merged:
            chosen.append(f"{of_part[name]} as {quoted(name)}")
            continue
        stored = have.get(name.lower())
        if stored is None:
            chosen.append(f"cast(null as {kind}) as {quoted(name)}")
        elif stored.type == kind:
            chosen.append(f"{quoted(stored.in_file)} as {quoted(name)}")
        else:
            chosen.append(f"cast({quoted(stored.in_file)} as {kind}) as {quoted(name)}")
    starts = _by_part([part.part_id * ROWS_OF_A_PART for part in parts], "bigint")
    paths = ", ".join(literal(str(folder / part.path)) for part in parts)
    return (
        f"select {', '.join(chosen)}, {starts} + file_row_number as {PLACE}"
        f" from read_parquet([{paths}], file_row_number = true, hive_partitioning = false)"
    )


def _by_part(values: Sequence[object], kind: str) -> str:
    """Return SQL for a value that is the same for all rows of a part."""
    written = [_written(value, kind) for value in values]
    if len(set(written)) == 1:
        return written[0]
    return f"cast([{', '.join(written)}] as {kind}[])[cast(file_index as bigint) + 1]"


def _written(value: object, kind: str) -> str:
    if value is None:
        return f"cast(null as {kind})"
    return f"cast({value} as bigint)" if isinstance(value, int) else f"cast({literal(str(value))} as {kind})"


def show(warehouse: Warehouse, table: Table) -> None:
    """Make the views of a fact table show the parts that are listed now."""
    rows = relation(warehouse, table, parts_of(warehouse, table.name))
    name = quoted(table.name)
    warehouse.execute(f"create or replace view facts.{name} as {rows}")
    warehouse.execute(f"create or replace view raw.{name} as select * exclude ({PLACE}) from facts.{name}")


def shown(warehouse: Warehouse, table: Table) -> list[str]:
    """Return the columns that `raw.TABLE` shows, without looking at its files; empty where there is no such view."""
    columns = warehouse.rows(
        "select column_name from duckdb_columns() where schema_name = 'raw' and table_name = ? order by column_index",
        [table.name],
    )
    return [name for (name,) in columns] if is_kept(warehouse, table.name) else []


def count(warehouse: Warehouse, name: str) -> int:
    """Return the rows of the table `schema.table`; of one kept in parts, from the list of parts."""
    schema, _, table = name.partition(".")
    if schema in {"raw", "staging"} and is_kept(warehouse, table) and is_view(warehouse, name):
        rows = int(warehouse.rows("select coalesce(sum(rows), 0) from facts.parts where source = ?", [table])[0][0])
        if schema == "raw":
            return rows
        marks, versions = (
            int(warehouse.rows(f"select count(*) from facts.{quoted(f'{table}_{kind}')}")[0][0])
            for kind in ("marks", "versions")
        )
        return rows - marks + versions
    return int(warehouse.rows(f"select count(*) from {quoted(schema)}.{quoted(table)}")[0][0])


def times_of(warehouse: Warehouse, table: str) -> tuple[datetime | None, datetime | None]:
    """Return between which times the facts of a table lie that is kept in parts, from the list of parts; None where none says so."""
    if not is_kept(warehouse, table):
        return None, None
    first, last = warehouse.rows(
        "select min(first_at) filter (where isfinite(first_at)), max(last_at) filter (where isfinite(last_at))"
        " from facts.parts where source = ?",
        [table],
    )[0]
    return first, last


def is_view(warehouse: Warehouse, name: str) -> bool:
    """Say whether `schema.table` is a view."""
    schema, _, table = name.partition(".")
    return bool(warehouse.rows("select 1 from duckdb_views() where schema_name = ? and view_name = ?", [schema, table]))


@contextmanager
def replacing(warehouse: Warehouse) -> Iterator[None]:
    """Let the block change tables and parts as one whole: it commits all or nothing, and files of no use any more go."""
    try:
        with warehouse.transaction():
            yield
    finally:
        sweep(warehouse)


def sweep(warehouse: Warehouse) -> None:
    """Remove the files that no part lists: what a load that failed or was killed left, and what was replaced.

    Not inside a transaction: until it has committed, the parts that it replaces are still the ones that count.
    """
    if warehouse.is_in_transaction or not warehouse.facts.is_dir() or not warehouse.has_table("facts.parts"):
        return
    listed = {path for (path,) in warehouse.rows("select path from facts.parts")}
    for path in warehouse.facts.glob("*/*.parquet*"):
        if path.relative_to(warehouse.facts).as_posix() not in listed:
            path.unlink(missing_ok=True)
