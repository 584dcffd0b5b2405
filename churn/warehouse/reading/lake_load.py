"""Loads a table of a lake: what was appended since the version that the ledger knows, or all of it where rows changed.

The ledger keeps the version that was read last. Where every file of that version still stands, only the files that came since
are read. Where files went (an update, a delete, a compaction), the table is read whole, as an export that is written over:
rows that are as they were keep the time at which they were known.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

from churn.errors import ConfigError, ContractBroken, ResourceError
from churn.warehouse.loading import date_forms, earlier, ledger
from churn.warehouse.loading.ledger import Known
from churn.warehouse.loading.loading import Load, Loaded, load_delivery
from churn.warehouse.loading.shrinking import refuse_shrunk
from churn.warehouse.reading import readers
from churn.warehouse.reading.delivery import SourceFile
from churn.warehouse.reading.lake.delta import DeltaSource
from churn.warehouse.reading.lake.iceberg import IcebergSource
from churn.warehouse.reading.lake.snapshot import LakeTable, Snapshot, changed_columns

if TYPE_CHECKING:
    from churn.config import SourceSettings

_OPTIONS: Final = {"nullstr", "decimal_separator", "thousands", "dateformat", "timestampformat"}


def run(load: Load, secrets: Mapping[str, str], *, full: bool) -> tuple[list[Loaded], int, tuple[str, ...]]:
    """Load the source; return what came of it, 1 if nothing had changed, and no vanished files.

    Raises ConfigError for unknown options, ContractBroken for a table or version that is not there, a schema that changed, or
    a table that lost most of its rows, AuthFailed and Unreachable of its storage.
    """
    name, source, warehouse = load.table.name, load.source, load.warehouse
    unknown = set(source.options) - _OPTIONS
    if unknown:
        raise ConfigError(
            f"no option `{min(unknown)}`",
            where=f"sources.{name}.options",
            remedy=f"A lake's table knows {', '.join(sorted(_OPTIONS))}.",
        )
    table = _opened(name, source, secrets)
    now = table.snapshot(source.version)
    label = f"{source.format}:{name}"
    known = ledger.known_files(warehouse, name).get(label)
    is_alike = known is not None and known.settings_hash == load.settings_hash and not full
    if known is not None and is_alike and known.content_hash == now.digest:
        return [], 1, ()
    before = _before(table, known) if known is not None and is_alike else None
    if before is not None and known is not None:
        _refuse_changed_schema(load, label, before, now)
    is_append = before is not None and before.files <= now.files
    files = now.files - before.files if is_append and before is not None else now.files
    with tempfile.TemporaryDirectory(prefix="lake-", dir=_scratch(load)) as scratch, warehouse.transaction():
        path = _written(table, now, files, Path(scratch))
        file = SourceFile(label, path, path.stat().st_size, str(now.version), now.digest)
        ledger.create_raw(warehouse, load.table)
        load_id = ledger.next_load_id(warehouse)
        has_earlier = False
        if not is_append and known is not None:
            if not is_alike:
                date_forms.forget_forms(warehouse, name)
            has_earlier = earlier.put_aside(warehouse, load.table, [file] if is_alike else [])
            ledger.remove(warehouse, name, [file], load_id)
        done = [
            loaded
            for delivery in readers.deliveries(warehouse, [file], "parquet", source.options, scratch=Path(scratch))
            for loaded in load_delivery(load, delivery, load_id)
        ]
        if is_append and known is not None:
            warehouse.execute(
                "update raw.loads set rows = rows + ? where source = ? and file = ?", [known.rows, name, label]
            )
        elif not full:
            refuse_shrunk(load, label, known, sum(loaded.rows for loaded in done))
        if has_earlier:
            earlier.bring_back(warehouse, load.table, [file], load_id, full=full, keep_gone=load.source.keep_gone)
    return done, 0, ()


def reach(name: str, source: SourceSettings, secrets: Mapping[str, str]) -> None:
    """Look up the version that a load would read; nothing of its rows is read. Raises as `run`."""
    _opened(name, source, secrets).snapshot(source.version)


def _opened(name: str, source: SourceSettings, secrets: Mapping[str, str]) -> LakeTable:
    where = f"sources.{name}"
    if source.format == "delta":
        return DeltaSource(str(source.path), secrets, where=where)
    catalog = secrets.get(f"CHURN_SOURCE_{name.upper()}_DSN") or source.catalog or ""
    return IcebergSource(catalog, source.table or "", secrets, where=where)


def _before(table: LakeTable, known: Known) -> Snapshot | None:
    """Return the version that was read last; None where its log is gone, so that all must be read."""
    try:
        return table.snapshot(int(known.changed)) if known.changed.isdigit() else None
    except ContractBroken:
        return None


def _refuse_changed_schema(load: Load, label: str, before: Snapshot, now: Snapshot) -> None:
    """Raise ContractBroken where columns that were loaded are gone or of another type."""
    if changes := changed_columns(before, now):
        name = load.table.name
        raise ContractBroken(
            f"its schema changed between version {before.version} and {now.version}: {'; '.join(changes)}",
            where=label,
            remedy=f"Look over [sources.{name}] `columns`, then load it anew with `churn refresh --source {name} --full`.",
        )


def _written(table: LakeTable, now: Snapshot, files: frozenset[str], folder: Path) -> Path:
    """Write the rows of `files` into one Parquet file, batch by batch. Raises ResourceError where the disk refuses."""
    import pyarrow.parquet as pq

    path = folder / "rows.parquet"
    schema, batches = table.batches(now, files)
    try:
        writer = pq.ParquetWriter(path, schema, compression="lz4")
    except OSError as error:
        raise ResourceError(f"cannot be written: {error.strerror or error}", where=str(path)) from error
    with writer:
        for batch in batches:
            writer.write_batch(batch)
    return path


def _scratch(load: Load) -> Path | None:
    spill = load.warehouse.scratch
    folder = spill.parent if spill is not None and load.warehouse.path is not None else None
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
    return folder
