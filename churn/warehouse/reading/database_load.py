"""Loads a source from a database, or from what Spark selects: the whole result in place of the previous one, or only what is new in it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

from churn.config import SourceSettings
from churn.errors import ConfigError, ContractBroken
from churn.warehouse.connection import Warehouse, literal, quoted
from churn.warehouse.loading import earlier, ledger
from churn.warehouse.loading.casts import is_number
from churn.warehouse.loading.date_forms import keep_form, known_forms
from churn.warehouse.loading.expressions import theirs
from churn.warehouse.loading.ledger import Known
from churn.warehouse.loading.loading import Load, Loaded, load_delivery
from churn.warehouse.loading.shrinking import refuse_shrunk
from churn.warehouse.reading import mysql, postgres
from churn.warehouse.reading.delivery import Delivery, SourceFile
from churn.warehouse.reading.elsewhere import ClusterReader
from churn.warehouse.reading.increments import (
    Fetch,
    declared_address,
    fingerprint,
    overlap_steps,
    overlap_time,
    updated_column,
)
from churn.warehouse.reading.overlaps import ARRIVED, leave_out_loaded, remember
from churn.warehouse.reading.scanning import DELIVERED

_NAMES = {"postgresql": "PostgreSQL", "mysql": "MySQL", "spark": "Spark"}
_COLUMNS = "columns of the overlap"  # what is kept beside the forms of dates: which the hashes of rows are made of
_TIMES = ("TIMESTAMP", "DATE")
_OPTIONS = {"updated", "overlap", "nullstr", "decimal_separator", "thousands", "dateformat", "timestampformat"}


def run(
    load: Load, secrets: Mapping[str, str], cluster: ClusterReader | None = None, *, full: bool
) -> tuple[list[Loaded], int, tuple[str, ...]]:
    """Load the source, one of format `spark` by the `cluster`; return what came of it, 1 if nothing had changed, and no vanished files.

    Raises ConfigError for unknown options and an unknown kind of database, ContractBroken for a column that is not
    there, and as `postgres.fetch` and `mysql.fetch`.
    """
    name, source, warehouse = load.table.name, load.source, load.warehouse
    kind, fetch = _reader(name, source, secrets, cluster)
    unknown = set(source.options) - _OPTIONS
    if unknown:
        remedy = f"{_NAMES[kind]} knows {', '.join(sorted(_OPTIONS))}."
        raise ConfigError(f"no option `{min(unknown)}`", where=f"sources.{name}.options", remedy=remedy)
    label = f"{kind}:{name}"
    before = ledger.known_files(warehouse, name).get(label)
    updated = updated_column(source)
    is_same = before is not None and before.settings_hash == load.settings_hash and not full
    since = before.changed if updated and before is not None and is_same else None
    with warehouse.transaction():
        ledger.create_raw(warehouse, load.table)
        fetch(warehouse, name, source, secrets, since=since or None)
        count, content = fingerprint(warehouse)
        newest = _newest(load, updated, label) if updated and count else ""
        file = SourceFile(label, Path(), count, newest or since or "", content)
        if before is not None and is_same and before.content_hash == content:
            return [], 1, ()
        load_id = ledger.next_load_id(warehouse)
        if updated:
            _hashes(warehouse, load, updated, newest)
        if since:
            count = leave_out_loaded(warehouse, name)
            if not count:
                return [], 1, ()
        with _replacing(load, file, before, load_id, full=full) if not since else nullcontext():
            done = load_delivery(load, _delivery(warehouse, file), load_id)
        if not since and is_same:
            refuse_shrunk(load, f"sources.{name}", before, sum(loaded.rows for loaded in done))
        if updated:
            remember(warehouse, name)
    return done, 0, ()


def _replacing(
    load: Load, file: SourceFile, before: Known | None, load_id: int, *, full: bool
) -> AbstractContextManager[None]:
    is_alike = before is not None and before.settings_hash == load.settings_hash
    return earlier.replacing(
        load.warehouse,
        load.table,
        file,
        load_id,
        is_known=before is not None,
        is_alike=is_alike,
        full=full,
        keep_gone=load.source.keep_gone,
    )


def _reader(
    name: str, source: SourceSettings, secrets: Mapping[str, str], cluster: ClusterReader | None
) -> tuple[str, Fetch]:
    """Return the kind of database that a source's format or address names, and what reads it."""
    if source.format == "spark":
        if cluster is None:
            raise only_by_spark(name)
        return "spark", cluster.fetch
    scheme, parted, _ = declared_address(name, source, secrets).partition("://")
    if not parted or scheme in {
        "postgresql",
        "postgres",
    }:  # anything but a URL is in libpq's own form: host=... dbname=...
        return "postgresql", postgres.fetch
    if scheme in {"mysql", "mariadb"}:
        return "mysql", mysql.fetch
    remedy = "Begin it with postgresql://, mysql:// or mariadb:// instead."
    raise ConfigError(f"no database of the kind `{scheme}` can be read", where=f"sources.{name}.dsn", remedy=remedy)


def only_by_spark(name: str) -> ConfigError:
    """Return the error for a source of format `spark` where there is no Spark."""
    remedy = 'Set [engine] kind = "spark" (docs/scale.md), or export the rows as Parquet.'
    return ConfigError("only Spark can read it", where=f"sources.{name}", remedy=remedy)


def _hashes(warehouse: Warehouse, load: Load, updated: str, newest: str) -> None:
    """Compute the hash of every row that arrived, and whether it may come again: it lies in the overlap, or bears no time.

    `known_hash` is of the columns that there were the last time: a column that is added makes no row of the overlap a new one.
    """
    column, kind = _growing(warehouse, updated)
    begins = f"cast({literal(newest)} as {kind})" if newest else "null"
    if kind.startswith(_TIMES):
        begins += f" - cast({literal(overlap_time(load.source))} as interval)"
    elif is_number(kind):
        begins += f" - {overlap_steps(load.table.name, load.source)}"
    columns = [name for name in warehouse.columns(DELIVERED) if name != "_churn_row"]
    known = json.loads(known_forms(warehouse, load.table.name).get(_COLUMNS, "[]"))
    if not known or not set(known) <= set(columns):
        known = columns
    listed, before = (", ".join(f"d.{quoted(name)}" for name in names) for names in (columns, known))
    warehouse.execute(
        f"create or replace temp table {ARRIVED} as select d._churn_row, hash(h) as row_hash, hash(k) as known_hash,"
        f" coalesce(d.{quoted(column)} >= {begins}, true) as is_recent"
        f" from {DELIVERED} as d, lateral (select {listed}) as h, lateral (select {before}) as k"
    )
    keep_form(warehouse, load.table.name, _COLUMNS, json.dumps(columns), "")


def _delivery(warehouse: Warehouse, file: SourceFile) -> Delivery:
    columns = {name: kind for name, kind, *_ in warehouse.rows(f"describe {DELIVERED}") if name != "_churn_row"}
    return Delivery((file,), f"select *, {literal(file.name)} as _churn_file from {DELIVERED}", columns)


def _newest(load: Load, updated: str, where: str) -> str:
    """Return the value from which rows are new the next time: the newest one, but no time that is yet to come.

    A single row of 2099 would otherwise keep all others out until then.
    """
    warehouse = load.warehouse
    column, kind = _growing(warehouse, updated)
    if not kind:
        remedy = f"Name one of {', '.join(name for name in warehouse.columns(DELIVERED) if name != '_churn_row')}."
        raise ContractBroken(f"no column `{updated}` (options.updated)", where=where, remedy=remedy)
    newest = f"max({quoted(column)})"
    if kind.startswith(_TIMES):
        now = f"cast(timestamp '{load.now:%Y-%m-%d %H:%M:%S.%f}' as {kind})"
        newest = f"coalesce({newest} filter (where {quoted(column)} <= {now}), least({newest}, {now}))"
    rows = warehouse.rows(f"select cast({newest} as varchar) from {DELIVERED} having max({quoted(column)}) is not null")
    return str(rows[0][0]) if rows else ""


def _growing(warehouse: Warehouse, updated: str) -> tuple[str, str]:
    """Return the name of the column that grows as it was delivered, and its type; "" where there is none."""
    kinds = warehouse.columns(DELIVERED)
    column = theirs(updated, kinds) or updated
    return column, kinds.get(column, "")
