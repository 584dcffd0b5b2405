"""Writes a frame to a file by its ending."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from churn.files.text_tables import frame_csv
from churn.files.whole import TABLES, WORKBOOK, check_ending, write_text, write_whole
from churn.files.workbook import Sheet, write_workbook

if TYPE_CHECKING:
    import polars as pl


def write_frame(path: Path, frame: pl.DataFrame, *, currency: str | None = None, sheet: str = "Rows") -> Path:
    """Write `frame` to `path`: CSV (see `frame_csv`), Parquet, or a workbook of one sheet, by its ending.

    Amounts of money in a workbook are shown in `currency`. Raises ConfigError for another ending or for more rows than a
    sheet holds, ResourceError when the place cannot be written.
    """
    check_ending(path, TABLES)
    if path.suffix == ".csv":
        return write_text(path, frame_csv(frame))
    if path.suffix == WORKBOOK:
        return write_workbook(path, [frame_sheet(frame, sheet)], currency=currency)
    return write_whole(path, frame.write_parquet)


def frame_sheet(frame: pl.DataFrame, name: str) -> Sheet:
    """Return a sheet of the rows of `frame`."""
    return Sheet(name, tuple(frame.columns), frame.iter_rows(), count=frame.height)
