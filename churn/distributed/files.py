"""Reads the text files of a source in tasks, by our own rules of reading, and hands their rows to the driver as Parquet.

A task reads whole files: how a CSV is written, and where one of its records ends, is known only from its first byte on.
JSON files of one delivery are one task's, for their columns are those that any of them has.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from churn import __version__
from churn.config import ResourceSettings, SourceSettings
from churn.distributed.buckets import TaskReport
from churn.distributed.place import Place
from churn.distributed.tables import AS_PARQUET, FiledTable
from churn.distributed.work import digest
from churn.errors import ConfigError, ContractBroken
from churn.warehouse.connection import literal
from churn.warehouse.opening import open_warehouse
from churn.warehouse.reading import readers
from churn.warehouse.reading.delivery import BadLine, Delivery, SourceFile
from churn.warehouse.reading.object_store import ObjectStore

_NOTE: Final = "deliveries.json"
_ROW: Final = "_churn_row"


@dataclass(frozen=True)
class ReadTask:
    """Reads the files of a unit: `name` is the source's, `kind` their format; `secrets` are keys of an object store."""

    name: str
    kind: str
    options: Mapping[str, Any]  # as the user wrote them: only the reader knows which there are
    rows_at: str | None
    units: Mapping[str, tuple[SourceFile, ...]]
    resources: ResourceSettings
    secrets: Mapping[str, str] = field(repr=False)

    def __call__(self, unit: str, folder: Path) -> None:
        """Write the rows of each delivery to a file, and what else it says beside them. Raises as the readers do."""
        with tempfile.TemporaryDirectory(prefix="churn-read-", ignore_cleanup_errors=True) as scratch:
            resources = self.resources.model_copy(update={"temp_directory": Path(scratch) / "spill"})
            with open_warehouse(None, holder=f"reading {self.name}", resources=resources) as warehouse:
                files = [self._here(file, Path(scratch)) for file in self.units[unit]]
                notes = []
                for number, delivery in enumerate(
                    readers.deliveries(
                        warehouse, files, self.kind, self.options, scratch=Path(scratch), rows_at=self.rows_at
                    )
                ):
                    target = literal(str(folder / _rows(number)))
                    warehouse.execute(
                        f"copy (select {_table(delivery.columns).written} from ({delivery.sql})) to {target} ({AS_PARQUET})"
                    )
                    notes.append(_note(delivery))
                (folder / _NOTE).write_text(json.dumps(notes), encoding="utf-8")

    def _here(self, file: SourceFile, scratch: Path) -> SourceFile:
        if file.name.startswith("s3://"):
            return ObjectStore(self.secrets, where=f"sources.{self.name}").fetch(file, scratch)
        if not file.path.is_file():
            raise ConfigError(
                "the workers do not see this file of the driver",
                where=file.name,
                remedy=f"Put the files of [sources.{self.name}] where every machine mounts them at the same place, or into an"
                " object store (s3://).",
            )
        if file.path.stat().st_size != file.size:
            raise ContractBroken(
                "the file changed while it was read", where=file.name, remedy="Load it once it is whole."
            )
        return file

    @property
    def key(self) -> str:
        """What tells this reading from others."""
        options = json.dumps([self.kind, self.options, self.rows_at], default=str, sort_keys=True)
        files = [
            (file.name, file.size, file.changed, file.content_hash) for unit in self.units.values() for file in unit
        ]
        return digest(__version__, options, *(repr(file) for file in files))


def shared_out(
    name: str,
    source: SourceSettings,
    kind: str,
    groups: Sequence[Sequence[SourceFile]],
    *,
    resources: ResourceSettings,
    secrets: Mapping[str, str],
) -> tuple[ReadTask, list[list[str]]]:
    """Return the task that reads all files, and of each group the names of its units, in order."""
    units: dict[str, tuple[SourceFile, ...]] = {}
    named: list[list[str]] = []
    for group in groups:
        parts = [tuple(group)] if kind == "json" and group else [(file,) for file in group]
        named.append([str(len(units) + number) for number in range(len(parts))])
        units |= dict(zip(named[-1], parts, strict=True))
    keys = {key: value for key, value in secrets.items() if key.startswith("AWS_")}
    return ReadTask(name, kind, source.options, source.rows_at, units, resources, keys), named


def deliveries_of(
    task: ReadTask, below: Place, reports: Mapping[str, TaskReport], units: Sequence[str], scratch: Path
) -> Iterator[Delivery]:
    """Yield what was read of some units, one after the other."""
    for unit in units:
        files = task.units[unit]
        folder = reports[unit].place(below).here(scratch)
        for number, note in enumerate(json.loads((folder / _NOTE).read_text(encoding="utf-8"))):
            yield _delivery(files, folder / _rows(number), note)


def _rows(number: int) -> str:
    return f"{number}.parquet"


def _table(columns: Mapping[str, str]) -> FiledTable:
    return FiledTable.with_columns("delivered", {**columns, _ROW: "BIGINT"})


def _note(delivery: Delivery) -> dict[str, Any]:
    """Return what a delivery says beside its rows, as JSON."""
    return {
        "files": [file.name for file in delivery.files],
        "columns": delivery.columns,
        "bad_lines": [asdict(line) for line in delivery.bad_lines],
        "is_text": delivery.is_text,
        "is_cleaned": delivery.is_cleaned,
        "has_open_keys": delivery.has_open_keys,
        "in_two_spellings": sorted(delivery.in_two_spellings),
    }


def _delivery(files: Sequence[SourceFile], path: Path, note: dict[str, Any]) -> Delivery:
    (file,) = [file for file in files if file.name in note["files"]]  # text is delivered file by file
    return Delivery(
        (file,),
        f"select * exclude ({_ROW}), {literal(file.name)} as _churn_file, {_ROW} from ({_table(note['columns']).relation([path])})",
        note["columns"],
        tuple(BadLine(**line) for line in note["bad_lines"]),
        is_text=note["is_text"],
        is_cleaned=note["is_cleaned"],
        has_open_keys=note["has_open_keys"],
        in_two_spellings=frozenset(note["in_two_spellings"]),
    )
