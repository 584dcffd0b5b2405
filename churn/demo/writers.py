"""Writes frames as CSV or Parquet with fixed settings, whole or not at all, so that the same frame gives the same bytes."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import polars as pl

from churn.errors import ResourceError

FileFormat = Literal["csv", "parquet"]
_ROW_GROUP = 250_000


def write_frame(frame: pl.DataFrame, path: Path) -> None:
    """Write `frame` to `path`, in the format its ending names; raises ResourceError when the disk refuses."""
    partial = path.with_name(path.name + ".partial")
    try:
        if path.suffix == ".csv":
            frame.write_csv(partial, datetime_format="%Y-%m-%d %H:%M:%S", date_format="%Y-%m-%d")
        else:
            frame.write_parquet(
                partial, compression="zstd", compression_level=1, statistics=True, row_group_size=_ROW_GROUP
            )
        partial.replace(path)
    except (OSError, pl.exceptions.ComputeError) as error:  # polars reports a full disk as a ComputeError
        partial.unlink(missing_ok=True)
        raise ResourceError(
            f"cannot be written: {getattr(error, 'strerror', None) or error}",
            where=str(path),
            remedy="Free disk space or choose another folder.",
        ) from error


def prepare_folder(folder: Path, tables: tuple[str, ...]) -> None:
    """Create `folder` and remove what an earlier simulation left there under our names, and nothing else."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for table in tables:
            for suffix in ("csv", "parquet"):
                for path in (
                    folder / f"{table}.{suffix}",
                    *folder.glob(f"{table}-[0-9][0-9][0-9][0-9]-[01][0-9].{suffix}"),
                    *folder.glob(f"{table}-[0-9][0-9][0-9][0-9]-[01][0-9]-[0-3][0-9].{suffix}"),
                ):
                    path.unlink(missing_ok=True)
    except OSError as error:
        raise ResourceError(
            f"cannot be used: {error.strerror or error}", where=str(folder), remedy="Choose a folder you may write to."
        ) from error
