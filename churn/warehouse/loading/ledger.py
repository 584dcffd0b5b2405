"""The loading ledger: which file was loaded when, how large it was, what it held, and what was rejected from it."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from churn.errors import ContractBroken
from churn.warehouse.connection import Warehouse, literal, quoted
from churn.warehouse.facts import parts, rewriting
from churn.warehouse.facts.migrating import migrate
from churn.warehouse.loading.contracts import BOOKKEEPING, TABLES, Table
from churn.warehouse.reading.delivery import SourceFile

_SCHEMA = """
create schema if not exists raw;
create table if not exists raw.loads (
    load_id bigint, source varchar, file varchar, size_bytes bigint, changed varchar, content_hash varchar,
    settings_hash varchar, rows bigint, rejected bigint, loaded_at timestamp
);
create table if not exists raw.rejected_rows (
    source varchar, file varchar, row_number bigint, reason varchar, row_text varchar, is_kept boolean,
    load_id bigint, loaded_at timestamp
);
create table if not exists raw.rewrites (source varchar, load_id bigint);
create table if not exists raw.overlaps (source varchar, row_hash ubigint);
create table if not exists raw.sightings (
    source varchar, settings_hash varchar, seen_at timestamp, known_after timestamp, first_at timestamp, last_at timestamp
);
"""


@dataclass(frozen=True)
class Known:
    """A ledger entry: what a file was when it was last loaded."""

    size: int
    changed: str
    content_hash: str
    settings_hash: str
    rows: int
    loaded_at: datetime


@dataclass(frozen=True)
class Plan:
    """What a load has to do: files never seen, files whose content changed, and names that are gone."""

    new: tuple[SourceFile, ...]
    changed: tuple[SourceFile, ...]
    touched: tuple[SourceFile, ...]  # other time, same content: only the ledger changes
    moved: tuple[tuple[str, SourceFile], ...]  # same content under another name, the old one gone: its rows stay
    unchanged: int
    vanished: tuple[str, ...]


def prepare(warehouse: Warehouse) -> None:
    """Create the ledger and every canonical raw table that does not exist yet."""
    with warehouse.transaction():
        warehouse.execute(_SCHEMA)
        parts.prepare(warehouse)
        columns, in_parts = _columns(warehouse), parts.kept_tables(warehouse)
        for table in TABLES.values():
            have = columns.get(table.name, [])
            if table.is_kept_in_files:
                is_made = table.name in in_parts and have == [*parts.columns_of(warehouse, table)]
            else:
                is_made = table.types.keys() | BOOKKEEPING.keys() <= set(have)
            if not is_made:
                create_raw(warehouse, table, have=have)


def _columns(warehouse: Warehouse) -> dict[str, list[str]]:
    """Return the columns of every raw table by one statement: asking for each takes longer than creating it."""
    columns: dict[str, list[str]] = {}
    for table, column in warehouse.rows(
        "select table_name, column_name from duckdb_columns() where schema_name = 'raw' order by table_name, column_index"
    ):
        columns.setdefault(table, []).append(column)
    return columns


def create_raw(
    warehouse: Warehouse, table: Table, extras: Mapping[str, str] | None = None, *, have: Collection[str] = ()
) -> None:
    """Create raw.`table` with its canonical columns, or add those that are not among the ones it has; with `extras` (name to type) in place of an empty one."""
    if table.is_kept_in_files:
        if warehouse.has_table(f"raw.{table.name}") and not parts.is_view(warehouse, f"raw.{table.name}"):
            migrate(warehouse, table)
        if parts.shown(warehouse, table) != [*parts.columns_of(warehouse, table)]:
            parts.show(warehouse, table)
        return
    columns = {**table.types, **BOOKKEEPING, **(extras or {})}
    listed = ", ".join(f"{quoted(name)} {kind}" for name, kind in columns.items())
    how = "create or replace table" if extras else "create table if not exists"
    warehouse.execute(f"{how} raw.{quoted(table.name)} ({listed})")
    missing = [name for name in columns if name not in have] if have else []
    for name in missing:  # an earlier version of churn did not know them
        warehouse.execute(f"alter table raw.{quoted(table.name)} add column {quoted(name)} {columns[name]}")
    if missing:
        note_rewrite(warehouse, table.name, next_load_id(warehouse))


def next_load_id(warehouse: Warehouse) -> int:
    """Return a number greater than that of every load and rewrite so far."""
    rows = warehouse.rows(
        "select max(load_id) from (select load_id from raw.loads union all select load_id from raw.rewrites)"
    )
    return int(rows[0][0] or 0) + 1


def known_files(warehouse: Warehouse, source: str) -> dict[str, Known]:
    """Return the ledger's entries of one source, by file name."""
    rows = warehouse.rows(
        "select file, size_bytes, changed, content_hash, settings_hash, rows, loaded_at from raw.loads where source = ?",
        [source],
    )
    return {file: Known(*rest) for file, *rest in rows}


def plan(files: Sequence[SourceFile], known: Mapping[str, Known], settings_hash: str, *, full: bool) -> Plan:
    """Decide what to load.

    A file counts as changed when size or time differ and its content does too, when the source's settings changed,
    or when `full` is asked for. Raises ContractBroken if a file cannot be read.
    """
    new: list[SourceFile] = []
    changed: list[SourceFile] = []
    touched: list[SourceFile] = []
    unchanged = 0
    for file in files:
        before = known.get(file.name)
        if before is None:
            new.append(hashed(file))
        elif full or before.settings_hash != settings_hash:
            changed.append(hashed(file))
        elif before.size == file.size and before.changed == file.changed:
            unchanged += 1
        else:
            now = hashed(file)
            (touched if now.content_hash == before.content_hash else changed).append(now)
    gone = {name: known[name] for name in sorted(set(known) - {file.name for file in files})}
    moved: list[tuple[str, SourceFile]] = []
    for file in list(new):
        old = next((name for name, was in gone.items() if _is_same(was, file, settings_hash)), None)
        if old is not None:
            del gone[old]
            new.remove(file)
            moved.append((old, file))
            if full:
                changed.append(file)  # its rows go by the new name by then, and are loaded again
    return Plan(tuple(new), tuple(changed), tuple(touched), tuple(moved), unchanged, tuple(gone))


def _is_same(was: Known, file: SourceFile, settings_hash: str) -> bool:
    same = (was.content_hash, was.size, was.settings_hash)
    return bool(was.content_hash) and same == (file.content_hash, file.size, settings_hash)


def hashed(file: SourceFile) -> SourceFile:
    """Return `file` with the hash of its content. Raises ContractBroken if it cannot be read."""
    if file.content_hash:
        return file
    try:
        with Path(file.path).open("rb") as stream:
            return replace(file, content_hash=hashlib.file_digest(stream, "sha256").hexdigest())
    except OSError as error:
        remedy = "Check that the file exists and may be read."
        raise ContractBroken(f"cannot be read: {error.strerror}", where=file.name, remedy=remedy) from error


def in_loaded_order(warehouse: Warehouse, source: str, files: Sequence[SourceFile]) -> list[list[SourceFile]]:
    """Return the files in the groups in which they were first loaded, earlier loads first and new files last.

    Of two deliveries of one fact the later load counts; loaded again at once, they must still be told apart.
    """
    known = dict(warehouse.rows("select file, load_id from raw.loads where source = ?", [source]))
    groups: dict[int | None, list[SourceFile]] = {}
    for file in files:
        groups.setdefault(known.get(file.name), []).append(file)
    return [groups[key] for key in sorted(groups, key=lambda load_id: (load_id is None, load_id or 0))]


def remove(warehouse: Warehouse, source: str, files: Sequence[SourceFile], load_id: int) -> None:
    """Take out the rows that came from `files`, and what was rejected from them."""
    if not files:
        return
    listed = ", ".join(literal(file.name) for file in files)
    if source in TABLES and TABLES[source].is_kept_in_files:
        rewriting.remove_files(warehouse, TABLES[source], [file.name for file in files])
    else:
        warehouse.execute(f"delete from raw.{quoted(source)} where source_file in ({listed})")
    warehouse.execute(f"delete from raw.rejected_rows where source = ? and file in ({listed})", [source])
    note_rewrite(warehouse, source, load_id)


def note_rewrite(warehouse: Warehouse, source: str, load_id: int) -> None:
    """Note that rows of raw.`source` were removed or its columns changed, so what is built on it starts afresh."""
    warehouse.execute("delete from raw.rewrites where source = ?", [source])
    warehouse.execute("insert into raw.rewrites values (?, ?)", [source, load_id])


def record(
    warehouse: Warehouse,
    source: str,
    file: SourceFile,
    *,
    load_id: int,
    settings_hash: str,
    rows: int,
    rejected: int,
    now: datetime,
) -> None:
    """Write the ledger entry of a file just loaded, in place of an earlier one."""
    warehouse.execute("delete from raw.loads where source = ? and file = ?", [source, file.name])
    warehouse.execute(
        "insert into raw.loads values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [load_id, source, file.name, file.size, file.changed, file.content_hash, settings_hash, rows, rejected, now],
    )


def touch(warehouse: Warehouse, source: str, plan: Plan) -> None:
    """Note new times of files whose content stayed the same, and new names of files that were moved."""
    for old, file in [*((file.name, file) for file in plan.touched), *plan.moved]:
        if old != file.name:
            if source in TABLES and TABLES[source].is_kept_in_files:
                rewriting.rename_file(warehouse, TABLES[source], old, file.name)
            else:
                _rename(warehouse, f"raw.{quoted(source)}", old, file.name)
            warehouse.execute("update raw.rejected_rows set file = ? where file = ?", [file.name, old])
        warehouse.execute(
            "update raw.loads set file = ?, size_bytes = ?, changed = ? where source = ? and file = ?",
            [file.name, file.size, file.changed, source, old],
        )


def _rename(warehouse: Warehouse, raw: str, old: str, new: str) -> None:
    """Write a file's rows again under its new name: changed where they lie, all of them would have to fit into memory."""
    with warehouse.unordered():
        warehouse.execute(
            f"insert into {raw} select * replace (cast(? as varchar) as source_file) from {raw} where source_file = ?",
            [new, old],
        )
    warehouse.execute(f"delete from {raw} where source_file = ?", [old])
