"""Loads what is new from the declared sources into `raw.*`: incremental, idempotent, and nothing dropped in silence.

A file is known by its name, size, time and content. Loaded again it adds nothing, under another name neither; changed,
it replaces exactly the rows that came from it; vanished, its rows stay (landing folders are emptied) and the result says
so. A source whose settings changed is loaded afresh. All of it is one transaction.
"""

from __future__ import annotations

import difflib
import hashlib
import json
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from churn.config import SourceSettings
from churn.errors import ConfigError, ResourceError
from churn.progress import SILENT, Progress
from churn.warehouse.connection import Warehouse
from churn.warehouse.facts import parts
from churn.warehouse.loading import date_forms, earlier, late, ledger
from churn.warehouse.loading.contracts import TABLES, Table
from churn.warehouse.loading.erased import NOBODY, Erased
from churn.warehouse.loading.ledger import Known
from churn.warehouse.loading.loading import Load, Loaded, load_delivery
from churn.warehouse.loading.lost_columns import filled_columns, forget_filled
from churn.warehouse.loading.shrinking import refuse_empty, refuse_shrunk
from churn.warehouse.reading import database_load, lake_load, readers
from churn.warehouse.reading.declared import reading_of
from churn.warehouse.reading.delivery import Delivery, SourceFile
from churn.warehouse.reading.elsewhere import ClusterReader
from churn.warehouse.reading.scanning import DELIVERED
from churn.warehouse.reading.sources import Files
from churn.warehouse.reading.web import web_load

_OF_NOTHING = 64  # bytes: no longer is a JSON array without rows
SHARED_FROM = 16 * 1024**2  # bytes of text: less is read in the time that tasks take to begin


@dataclass(frozen=True)
class LoadResult:
    """What loading one source did. `total_rows` is what its raw table now holds; `note` is what somebody should look at."""

    source: str
    files_loaded: int
    files_unchanged: int
    rows: int
    rejected: int
    total_rows: int
    seconds: float
    vanished: tuple[str, ...] = field(default=())
    note: str | None = None


def ingest(
    warehouse: Warehouse,
    sources: Mapping[str, SourceSettings],
    *,
    now: datetime,
    secrets: Mapping[str, str] | None = None,
    only: str | None = None,
    full: bool = False,
    erased: Erased = NOBODY,
    needed: str | None = None,
    company: str = "UTC",
    cluster: ClusterReader | None = None,
    progress: Progress = SILENT,
) -> list[LoadResult]:
    """Load every declared source (or `only` one), and leave each canonical raw table in place, empty if undeclared.

    `now` stamps the rows, in the zone of the `company`, which is that of the times in the tables; `secrets` holds passwords and object-store keys by their environment names; `full` loads
    files again that have not changed; rows of the `erased` are left outside; `needed` names the table that churn is
    told by; the `cluster` reads sources of format `spark`, and large text files. All sources are loaded or none: what stood before stays if one is refused. Raises ConfigError (unknown
    source, wrong map, missing extra), ContractBroken (missing file, column or rows, mostly bad rows), ResourceError
    (disk or memory).
    """
    if only is not None and only not in sources:
        raise ConfigError(f"no source `{only}`", where="sources", remedy=f"Declared: {', '.join(sources) or 'none'}.")
    chosen = [name for name in sources if only in {None, name}]
    results: list[LoadResult] = []
    loaded: list[tuple[Table, str]] = []
    ledger.prepare(warehouse)
    with parts.replacing(warehouse):
        for position, name in enumerate(chosen):
            progress.step(f"Loading {name}", position / len(chosen))
            source = sources[name]
            load = Load(
                warehouse,
                _table(name),
                source,
                _hash(source, company),
                _utc(now),
                erased,
                reading_of(name, source, company),
                is_needed=name == needed,
            )
            results.append(_load(load, secrets or {}, cluster, full=full))
            if results[-1].files_loaded:
                loaded.append((load.table, load.settings_hash))
        late.note_sightings(warehouse, loaded, _utc(now))
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


def _load(load: Load, secrets: Mapping[str, str], cluster: ClusterReader | None, *, full: bool) -> LoadResult:
    started = time.perf_counter()
    name, source = load.table.name, load.source
    load = _with_earlier(load, full=full)
    seen = late.sighting(load.warehouse, load.table, load.settings_hash, load.now)
    first_load = ledger.next_load_id(load.warehouse)
    if source.format in {"delta", "iceberg"}:
        done, unchanged, vanished, looked_at = *lake_load.run(load, secrets, full=full), f"sources.{name}"
    elif source.url is not None:
        done, unchanged, vanished, looked_at = *web_load.run(load, secrets, full=full), f"sources.{name}"
    elif source.path is None:
        done, unchanged, vanished, looked_at = *database_load.run(load, secrets, cluster, full=full), f"sources.{name}"
    else:
        done, unchanged, vanished, looked_at = _load_files(load, Files(name, source, secrets), cluster, full=full)
    load.warehouse.execute(f"drop table if exists {DELIVERED}")  # it may be large
    if done and seen is not None:
        late.mark_late(load.warehouse, load.table, seen, first_load)
    total = refuse_empty(load, looked_at)
    return LoadResult(
        source=name,
        files_loaded=len(done),
        files_unchanged=unchanged,
        rows=sum(loaded.rows for loaded in done),
        rejected=sum(loaded.rejected for loaded in done),
        total_rows=total,
        seconds=time.perf_counter() - started,
        vanished=vanished,
        note=f"No rows for {name}: check that the export ran, and the source's `where`." if total == 0 else None,
    )


def _with_earlier(load: Load, *, full: bool) -> Load:
    """Say what files that were read by the same settings gave, and which of them a delivery of that name replaces."""
    if full:
        forget_filled(load.warehouse, load.table.name)
        return load
    known = ledger.known_files(load.warehouse, load.table.name)
    if any(file.settings_hash != load.settings_hash for file in known.values()):
        return load
    is_whole = not load.source.options.get("updated") and not load.source.web.since_param
    filled = filled_columns(load.warehouse, load.table.name)
    return replace(load, filled=filled, replaced=frozenset(known) if is_whole else frozenset())


def _load_files(
    load: Load, files: Files, cluster: ClusterReader | None, *, full: bool
) -> tuple[list[Loaded], int, tuple[str, ...], str]:
    """Load new and changed files; return what came of them, how many stayed, which are gone, and where was looked."""
    name, source, warehouse = load.table.name, load.source, load.warehouse
    listed = files.found()
    kind = readers.format_of(listed[0].name, source.format, where=f"sources.{name}")
    readers.check_options(kind, source.options, where=f"sources.{name}")
    before = ledger.known_files(warehouse, name)
    plan = ledger.plan(listed, before, load.settings_hash, full=full)
    alike = any(known.settings_hash == load.settings_hash for known in before.values())
    load = replace(load, has_earlier_files=alike)
    wanted = [*plan.changed, *plan.new]
    if kind == "parquet" or sum(file.size for file in wanted) < SHARED_FROM:
        cluster = None
    with (
        files.here(wanted, _scratch(warehouse), only=None if cluster is None else _seems_empty) as ready,
        _copies(warehouse) as scratch,
        warehouse.transaction(),
    ):
        if full and load.table.is_kept_in_files:
            parts.forget_missing(warehouse, load.table)
        if full or any(known.settings_hash != load.settings_hash for known in before.values()):
            date_forms.forget_forms(warehouse, name)
        ledger.create_raw(warehouse, load.table)
        ledger.touch(warehouse, name, plan)
        first = ledger.next_load_id(warehouse)
        groups = ledger.in_loaded_order(warehouse, name, ready)
        # Read by other settings, a file says something else about the same past: its earlier rows were misread.
        again = [file for file in plan.changed if _is_read_alike(before, file, load)]
        has_earlier = earlier.put_aside(warehouse, load.table, again)
        ledger.remove(warehouse, name, plan.changed, first)
        done = _loaded(load, kind, groups, first, before, cluster, scratch)
        changed = {file.name for file in plan.changed}
        for loaded in done if not full else ():
            if loaded.file in changed:
                refuse_shrunk(load, loaded.file, before.get(loaded.file), loaded.rows)
        if has_earlier:
            earlier.bring_back(warehouse, load.table, again, first, full=full, keep_gone=load.source.keep_gone)
    looked_at = ", ".join(file.name for file in listed[:3])
    return done, plan.unchanged + len(plan.touched) + len(plan.moved), plan.vanished, looked_at


def _loaded(
    load: Load,
    kind: str,
    groups: Sequence[Sequence[SourceFile]],
    first: int,
    before: Mapping[str, Known],
    cluster: ClusterReader | None,
    scratch: Path,
) -> list[Loaded]:
    """Load groups of files, each by an id of its own from `first` on."""
    done: list[Loaded] = []
    if not load.is_essential:
        for load_id, group in enumerate(groups, first):
            done.extend(_noted_empty(load, group, load_id))
        groups = [[file for file in group if not _is_empty(file)] for group in groups]
    for load_id, (group, deliveries) in enumerate(
        zip(groups, _read(load, kind, groups, cluster, scratch), strict=True), first
    ):
        of_group = replace(load, now=_delivered_at(group, before) or load.now)
        for delivery in deliveries:
            done.extend(load_delivery(of_group, delivery, load_id))
    return done


def _delivered_at(files: Sequence[SourceFile], before: Mapping[str, Known]) -> datetime | None:
    """Return when files that are only read anew, such as by other settings, came with what they hold; None for others."""
    times = set()
    for file in files:
        known = before.get(file.name)
        times.add(known.loaded_at if known is not None and known.content_hash == file.content_hash else None)
    return times.pop() if len(times) == 1 else None


def _read(
    load: Load, kind: str, groups: Sequence[Sequence[SourceFile]], cluster: ClusterReader | None, scratch: Path
) -> Iterator[Iterator[Delivery]]:
    """Yield the deliveries of each group of files, read here or by the cluster."""
    name, source = load.table.name, load.source
    if cluster is not None:
        yield from cluster.read_files(name, source, kind, groups, scratch=scratch)
        return
    for group in groups:
        yield readers.deliveries(load.warehouse, group, kind, source.options, scratch=scratch, rows_at=source.rows_at)


def _is_read_alike(before: Mapping[str, Known], file: SourceFile, load: Load) -> bool:
    known = before.get(file.name)
    return known is not None and known.settings_hash == load.settings_hash


def _scratch(warehouse: Warehouse) -> Path | None:
    spill = warehouse.scratch
    return spill.parent if spill is not None and warehouse.path is not None else None


def _noted_empty(load: Load, files: Sequence[SourceFile], load_id: int) -> list[Loaded]:
    """Record empty files in the ledger: an export without rows."""
    empty = [file for file in files if _is_empty(file)]
    for file in empty:
        ledger.record(
            load.warehouse,
            load.table.name,
            file,
            load_id=load_id,
            settings_hash=load.settings_hash,
            rows=0,
            rejected=0,
            now=load.now,
        )
    return [Loaded(file.name, 0, 0) for file in empty]


def _seems_empty(file: SourceFile) -> bool:
    """Say whether a file is so small that it may hold nothing."""
    return file.size < _OF_NOTHING


def _is_empty(file: SourceFile) -> bool:
    """Say whether a file holds nothing, or a JSON array of nothing."""
    return file.size == 0 or (_seems_empty(file) and file.path.read_bytes().strip() in {b"", b"[]"})


@contextmanager
def _copies(warehouse: Warehouse) -> Iterator[Path]:
    """Give a folder for rewritten copies of text files; it goes with the block."""
    parent = _scratch(warehouse)
    try:
        if parent is not None:
            parent.mkdir(parents=True, exist_ok=True)
        folder = tempfile.TemporaryDirectory(prefix="downloads-", dir=parent)
    except OSError as error:
        raise ResourceError(f"cannot be written: {error.strerror}", where=str(parent)) from error
    with folder as root:
        yield Path(root)


def _hash(source: SourceSettings, company: str) -> str:
    written = [source.dates, source.pivot_year, source.zone, source.codes, source.rows_at]
    parts = [source.columns, source.where, source.options, source.format, source.query, *written]
    if company != "UTC":
        parts.append(company)
    if source.url is not None:  # keep the hash of other sources, so that nothing is loaded again
        pace = {"requests_per_second", "timeout_seconds", "max_attempts", "max_wait_seconds"}
        parts += [source.url, source.web.model_dump(mode="json", exclude=pace)]
    if source.format == "spark":
        parts.append(source.table)
    return hashlib.sha256(json.dumps(parts, default=str).encode()).hexdigest()
