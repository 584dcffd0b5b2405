"""Hands parts of a frame to tasks, and puts together what they make of them, in the order of the rows."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from churn.distributed.place import Place
from churn.snapshots.engine import RowWork

if TYPE_CHECKING:
    import polars as pl

_MADE: Final = "rows.parquet"


@dataclass(frozen=True)
class RowsTask:
    """Does `work` on the part of a frame that lies in `place`."""

    work: RowWork[Any]  # what it makes of rows is its own affair: only its packed form leaves the task
    place: Place

    def __call__(self, part: str, folder: Path) -> None:
        """Read the part, and leave what was made of it as a file."""
        import polars as pl

        with tempfile.TemporaryDirectory(prefix="churn-rows-", ignore_cleanup_errors=True) as scratch:
            frame = pl.read_parquet((self.place / _part(part)).here(Path(scratch)), memory_map=False)
        self.work.pack(self.work(frame)).write_parquet(folder / _MADE, compression="lz4")


def write_rows(frame: pl.DataFrame, place: Place, parts: int, *, rows: int) -> None:
    """Write `frame` in that many parts to `place`, as even as can be, cut between blocks of `rows`."""
    blocks = -(-frame.height // rows)
    edges = [min(blocks * part // parts * rows, frame.height) for part in range(parts + 1)]
    with place.writing() as folder:
        for part in range(parts):
            frame[edges[part] : edges[part + 1]].write_parquet(folder / _part(str(part)), compression="lz4")


def gather_rows(folders: Sequence[Path]) -> pl.DataFrame:
    """Return what was made of all parts, one in each folder, in their order."""
    import polars as pl

    return pl.concat([pl.read_parquet(folder / _MADE, memory_map=False) for folder in folders])


def _part(part: str) -> str:
    return f"part-{int(part):05d}.parquet"
