"""Tasks of tests: functions that workers can import."""

from __future__ import annotations

from pathlib import Path

from churn.errors import DataError


def refuse(bucket: int, folder: Path) -> None:
    (folder / "begun").touch()
    if bucket == 1:
        raise DataError("holds nothing to work on", where=f"bucket {bucket}", remedy="Load more.")


def crash(bucket: int, folder: Path) -> None:
    raise RuntimeError(f"bucket {bucket} in {folder.name}")
