"""Hands parts of a frame to tasks, and puts together what they make of them, in the order of the rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from churn.snapshots.engine import RowWork

if TYPE_CHECKING:
    import polars as pl

_MADE: Final = "rows.parquet"


@dataclass(frozen=True)
class RowsTask:
    """Does `work` on the part of a frame that lies in `folder`."""

    work: RowWork[Any]  # what it makes of rows is its own affair: only its packed form leaves the task
    folder: Path

    def __call__(self, part: int, folder: Path) -> None:
        """Read the part, and leave what was made of it as a file."""
        import polars as pl

        frame = pl.read_parquet(_part(self.folder, part))
        self.work.pack(self.work(frame)).write_parquet(folder / _MADE, compression="lz4")


def write_rows(frame: pl.DataFrame, folder: Path, parts: int, *, rows: int) -> None:
    """Write `frame` in that many parts below `folder`, as even as can be, cut between blocks of `rows`."""
    folder.mkdir(parents=True, exist_ok=True)
    blocks = -(-frame.height // rows)
    edges = [min(blocks * part // parts * rows, frame.height) for part in range(parts + 1)]
    for part in range(parts):
        frame[edges[part] : edges[part + 1]].write_parquet(_part(folder, part), compression="lz4")


def gather_rows(folder: Path, parts: Sequence[int]) -> pl.DataFrame:
    """Return what was made of all parts, in their order."""
    import polars as pl

    return pl.concat([pl.read_parquet(folder / str(part) / _MADE) for part in parts])


def _part(folder: Path, part: int) -> Path:
    return folder / f"part-{part:05d}.parquet"
