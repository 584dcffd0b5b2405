"""Loads what is new from the declared sources into `raw.*`: incremental, idempotent, and nothing dropped in silence.

A file is known by its name, size, time and content. Loaded again it adds nothing; changed, it replaces exactly the rows
that came from it; vanished, its rows stay (landing folders are emptied) and the result says so. A source whose settings
changed is loaded afresh. Each table's load is one transaction.
"""

from __future__ import annotations

import difflib
import glob
import hashlib
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from churn.config import SourceSettings
from churn.errors import ConfigError, ContractBroken
from churn.progress import SILENT, Progress
from churn.warehouse import ledger, readers
from churn.warehouse.column_map import theirs
from churn.warehouse.connection import Warehouse, literal, quoted
from churn.warehouse.contracts import TABLES, Table
from churn.warehouse.delivery import SourceFile
from churn.warehouse.loading import load_delivery


@dataclass(frozen=True)
class LoadResult:
    """What loading one source did. `total_rows` is what its raw table now holds."""

    source: str
    files_loaded: int
    files_unchanged: int
    rows: int
    rejected: int
    total_rows: int
    seconds: float
    vanished: tuple[str, ...] = field(default=())


def ingest(
    warehouse: Warehouse,
    sources: Mapping[str, SourceSettings],
    *,
    now: datetime,
    secrets: Mapping[str, str] | None = None,
    only: str | None = None,
    full: bool = False,
    progress: Progress = SILENT,
) -> list[LoadResult]:
    """Load every declared source (or `only` one), and leave each canonical raw table in place, empty if undeclared.

    `now` stamps the rows; `secrets` holds passwords and object-store keys by their environment names; `full` loads
    files again that have not changed. Raises ConfigError (unknown source, wrong map, missing extra), ContractBroken
    (missing file, column or rows, mostly bad rows), ResourceError (disk or memory).
    """
    ledger.prepare(warehouse)
    if only is not None and only not in sources:
        raise ConfigError(f"no source `{only}`", where="sources", remedy=f"Declared: {', '.join(sources) or 'none'}.")
    chosen = [name for name in sources if only in {None, name}]
    results = []
    for position, name in enumerate(chosen):
        progress.step(f"load {name}", position / len(chosen))
        results.append(_load(warehouse, name, sources[name], now=_utc(now), secrets=secrets or {}, full=full))
    return results


def _utc(moment: datetime) -> datetime:
    return moment if moment.tzinfo is None else moment.astimezone(UTC).replace(tzinfo=None)


def _table(name: str) -> Table:
    if name in TABLES:
        return TABLES[name]
    near = difflib.get_close_matches(name, TABLES, n=1, cutoff=0.75)
    if near or not name.isidentifier() or name in {"loads", "rejected_rows", "rewrites"}:
        hint = f"Did you mean `{near[0]}`?" if near else f"Known: {', '.join(TABLES)}; or a name of your own."
        raise ConfigError(f"no table `{name}`", where=f"sources.{name}", remedy=hint)
    return Table(name, None, ())


def _load(
    warehouse: Warehouse,
    name: str,
    source: SourceSettings,
    *,
    now: datetime,
    secrets: Mapping[str, str],
    full: bool,
) -> LoadResult:
    started = time.perf_counter()
    table = _table(name)
    where = f"sources.{name}"
    files = _local_files(name, source)
    kind = readers.format_of(files[0].name, source.format, where=where)
    readers.check_options(kind, source.options, where=where)
    settings_hash = _hash(source)
    plan = ledger.plan(files, ledger.known_files(warehouse, name), settings_hash, full=full)
    rows = rejected = 0
    with warehouse.transaction():
        ledger.create_raw(warehouse, table)
        load_id = ledger.next_load_id(warehouse)
        _remove(warehouse, name, plan.changed, load_id)
        ledger.touch(warehouse, name, plan.touched)

        def wanted(columns: Mapping[str, str]) -> dict[str, str]:
            return _wanted_types(table, source, columns)

        for delivery in readers.deliveries(warehouse, [*plan.changed, *plan.new], kind, source.options, wanted):
            done = load_delivery(
                warehouse, table, delivery, mapped=source.columns, where=source.where, load_id=load_id, now=now
            )
            for file, one in zip(delivery.files, done, strict=True):
                ledger.record(
                    warehouse,
                    name,
                    file,
                    load_id=load_id,
                    settings_hash=settings_hash,
                    rows=one.rows,
                    rejected=one.rejected,
                    now=now,
                )
                rows, rejected = rows + one.rows, rejected + one.rejected
        total = warehouse.rows(f"select count(*) from raw.{quoted(name)}")[0][0]
        if total == 0:
            remedy = "Check that the export ran, and the source's `where`."
            raise ContractBroken(f"no rows for {name}", where=", ".join(file.name for file in files[:3]), remedy=remedy)
    loaded = len(plan.changed) + len(plan.new)
    return LoadResult(
        source=name,
        files_loaded=loaded,
        files_unchanged=plan.unchanged + len(plan.touched),
        rows=rows,
        rejected=rejected,
        total_rows=total,
        seconds=time.perf_counter() - started,
        vanished=plan.vanished,
    )


def _remove(warehouse: Warehouse, name: str, files: tuple[SourceFile, ...], load_id: int) -> None:
    if not files:
        return
    listed = ", ".join(literal(file.name) for file in files)
    warehouse.execute(f"delete from raw.{quoted(name)} where source_file in ({listed})")
    warehouse.execute(f"delete from raw.rejected_rows where source = ? and file in ({listed})", [name])
    ledger.note_rewrite(warehouse, name, load_id)


def _local_files(name: str, source: SourceSettings) -> list[SourceFile]:
    declared = [source.path] if isinstance(source.path, str) else list(source.path or [])
    found: dict[str, SourceFile] = {}
    for pattern in declared:
        paths = sorted(glob.glob(pattern, recursive=True)) if glob.has_magic(pattern) else [pattern]  # noqa: PTH207
        files = [Path(path) for path in paths if Path(path).is_file()]
        if not files:
            raise ContractBroken(f"no file for {name}", where=pattern, remedy=f"Check [sources.{name}] path.")
        for path in files:
            stat = path.stat()
            found[str(path)] = SourceFile(str(path), path, stat.st_size, str(stat.st_mtime_ns))
    return list(found.values())


def _hash(source: SourceSettings) -> str:
    told = json.dumps([source.columns, source.where, source.options, source.format], sort_keys=True, default=str)
    return hashlib.sha256(told.encode()).hexdigest()


def _wanted_types(table: Table, source: SourceSettings, columns: Mapping[str, str]) -> dict[str, str]:
    """Say how text columns are to be read: ids keep their leading zeros, times keep their offset until it is applied."""
    wanted = {}
    for column in table.columns:
        name = theirs(source.columns.get(column.name, column.name), columns)
        if name is not None and column.type == "VARCHAR":
            wanted[name] = "VARCHAR"
        elif name is not None and column.type == "TIMESTAMP" and columns[name] == "TIMESTAMP":
            wanted[name] = "TIMESTAMPTZ"
    return wanted
