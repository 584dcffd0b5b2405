"""Reads one file whole into a frame, by the same rules and options as a source's files."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from churn.config import SourceSettings
from churn.errors import ConfigError, ContractBroken
from churn.warehouse.opening import open_warehouse
from churn.warehouse.reading.declared import reading_of
from churn.warehouse.reading.delivery import SourceFile
from churn.warehouse.reading.readers import check_options, deliveries, format_of
from churn.warehouse.reading.text_types import typed

if TYPE_CHECKING:
    import polars as pl


def read_flat_file(source: SourceSettings, *, as_text: tuple[str, ...] = ()) -> pl.DataFrame:
    """Return the rows of the one file that `source` names, its columns as delivered, numbers and times as such.

    `as_text` stay text (ids). `columns` and `where` of the source are not looked at. Raises ConfigError for an unknown
    option or form, ContractBroken for a file that is not there, cannot be read, holds no rows, or has lines that are no rows.
    """
    import polars as pl

    path = Path(str(source.path))
    if not path.is_file():
        raise ConfigError("there is no such file", where=str(path), remedy="Check the path.")
    kind = format_of(path.name, source.format, where=path.name)
    check_options(kind, source.options, where=path.name)
    reading = reading_of(path.name, source)
    fixed = {str(name): str(given) for name, given in dict(source.options.get("types", {})).items()}
    file = SourceFile(path.name, path, path.stat().st_size, "")
    with (
        tempfile.TemporaryDirectory(prefix="churn-file-") as scratch,
        open_warehouse(None, holder="churn") as warehouse,
    ):
        frames = []
        for delivery in deliveries(
            warehouse, [file], kind, source.options, scratch=Path(scratch), rows_at=source.rows_at
        ):
            if delivery.bad_lines:
                first = delivery.bad_lines[0]
                raise ContractBroken(
                    f"{len(delivery.bad_lines):,} lines are no rows, the first is {first.row_number}: {first.reason}",
                    where=path.name,
                    remedy="Mend them, or say by options how the file is written.",
                )
            rows = typed(warehouse, delivery, reading, as_text=as_text, fixed=fixed)
            frames.append(
                warehouse.frame(f"select * exclude (_churn_file, _churn_row) from ({rows.sql}) order by _churn_row")
            )
    frame = pl.concat(frames, how="diagonal_relaxed") if frames else pl.DataFrame()
    if frame.is_empty():
        raise ContractBroken("holds no rows", where=path.name, remedy="Check that the export ran.")
    return frame
