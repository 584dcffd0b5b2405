"""What both kinds of lake table are to a load: a version, its columns, and the files that make it up."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class Snapshot:
    """One version of a table. `files` are keys: equal keys hold equal rows, for files of a lake are never written twice."""

    version: int
    columns: Mapping[str, str]
    files: frozenset[str]

    @property
    def digest(self) -> str:
        """The same for the same files with the same columns; marked, for it is no hash of a file's bytes."""
        parts = [*sorted(self.files), *(f"{name} {kind}" for name, kind in sorted(self.columns.items()))]
        return f"lake:{hashlib.sha256(chr(10).join(parts).encode()).hexdigest()}"


class LakeTable(Protocol):
    """A table of a lake, opened to be read."""

    def snapshot(self, version: int | None = None) -> Snapshot:
        """Return a version, the newest by default. Raises ContractBroken where it is not there (any more)."""

    def batches(self, snapshot: Snapshot, files: frozenset[str]) -> tuple[pa.Schema, Iterator[pa.RecordBatch]]:
        """Return the columns, and the rows of those files as they are in that version. Raises ContractBroken."""


def changed_columns(before: Snapshot, now: Snapshot) -> Sequence[str]:
    """Return in words which columns are gone or of another type; new ones are no harm."""
    changes = []
    for name, kind in before.columns.items():
        if name not in now.columns:
            changes.append(f"`{name}` is gone")
        elif now.columns[name] != kind:
            changes.append(f"`{name}` was {kind} and is {now.columns[name]}")
    return changes
