"""Loads a PostgreSQL source: the whole result in place of what came before, or only what is new in it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from churn.errors import ConfigError, ContractBroken
from churn.warehouse.connection import Warehouse, literal, quoted
from churn.warehouse.loading import ledger
from churn.warehouse.loading.expressions import theirs
from churn.warehouse.loading.loading import Load, Loaded, load_delivery
from churn.warehouse.reading import postgres
from churn.warehouse.reading.delivery import Delivery, SourceFile
from churn.warehouse.reading.scanning import DELIVERED


def run(load: Load, secrets: Mapping[str, str], *, full: bool) -> tuple[list[Loaded], int, tuple[str, ...]]:
    """Load the source; return what came of it, 1 if nothing had changed, and no vanished files.

    Raises ConfigError for unknown options, ContractBroken for a column that is not there, and as `postgres.fetch`.
    """
    name, source, warehouse = load.table.name, load.source, load.warehouse
    unknown = set(source.options) - {"updated"}
    if unknown:
        remedy = "PostgreSQL knows one: updated."
        raise ConfigError(f"no option `{min(unknown)}`", where=f"sources.{name}.options", remedy=remedy)
    label = f"postgresql:{name}"
    before = ledger.known_files(warehouse, name).get(label)
    updated = postgres.updated_column(source)
    is_same = before is not None and before.settings_hash == load.settings_hash and not full
    since = before.changed if updated and before is not None and is_same else None
    with warehouse.transaction():
        ledger.create_raw(warehouse, load.table)
        postgres.fetch(warehouse, name, source, secrets, since=since or None)
        count, content = postgres.fingerprint(warehouse)
        newest = _newest(warehouse, updated, label) if updated and count else ""
        file = SourceFile(label, Path(), count, newest, content)
        if before is not None and is_same and before.content_hash == content:
            return [], 1, ()
        load_id = ledger.next_load_id(warehouse)
        if since:
            if _is_known(load, updated, since, label):
                count = warehouse.rows(f"select count(*) from {DELIVERED}")[0][0]
                if not count:
                    return [], 1, ()
            else:
                _forget(load, updated, since, label, load_id)
        else:
            ledger.remove(warehouse, name, (file,) if before is not None else (), load_id)
        done = load_delivery(load, _delivery(warehouse, file), load_id)
    return done, 0, ()


def _delivery(warehouse: Warehouse, file: SourceFile) -> Delivery:
    columns = {name: kind for name, kind, *_ in warehouse.rows(f"describe {DELIVERED}") if name != "_row"}
    return Delivery((file,), f"select *, {literal(file.name)} as _file from {DELIVERED}", columns)


def _newest(warehouse: Warehouse, updated: str, where: str) -> str:
    columns = {row[0]: row[1] for row in warehouse.rows(f"describe {DELIVERED}")}
    if theirs(updated, columns) is None:
        remedy = f"Name one of {', '.join(name for name in columns if name != '_row')}."
        raise ContractBroken(f"no column `{updated}` (options.updated)", where=where, remedy=remedy)
    found = warehouse.rows(f"select cast(max({quoted(updated)}) as varchar) from {DELIVERED}")[0][0]
    return str(found or "")


def _condition(load: Load, updated: str, since: str, label: str) -> str:
    """Say, in SQL over the raw table, which rows were loaded with the newest known value."""
    ours = next((ours for ours, mapped in load.source.columns.items() if mapped.lower() == updated.lower()), updated)
    kind = load.warehouse.columns(f"raw.{load.table.name}").get(ours, "VARCHAR")
    # The instant is told with its zone, as PostgreSQL gave it: we keep the same instant in UTC without one.
    value = f"cast(cast({literal(since)} as timestamptz) as timestamp)" if kind == "TIMESTAMP" else literal(since)
    return f"source_file = {literal(label)} and {quoted(ours)} = {value}"


def _is_known(load: Load, updated: str, since: str, label: str) -> bool:
    """Drop the rows that were asked for again with the newest known value, if they are as many as those loaded."""
    again = f"from {DELIVERED} where cast({quoted(updated)} as varchar) = {literal(since)}"
    loaded = f"from raw.{quoted(load.table.name)} where {_condition(load, updated, since, label)}"
    counts = load.warehouse.rows(f"select (select count(*) {again}), (select count(*) {loaded})")[0]
    if counts[0] != counts[1]:
        return False
    load.warehouse.execute(f"delete {again}")
    return True


def _forget(load: Load, updated: str, since: str, label: str, load_id: int) -> None:
    """Remove the loaded rows that bear the newest known value: they come again, with others of the same instant."""
    raw = f"raw.{quoted(load.table.name)}"
    load.warehouse.execute(f"delete from {raw} where {_condition(load, updated, since, label)}")
    ledger.note_rewrite(load.warehouse, load.table.name, load_id)
