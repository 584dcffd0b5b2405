"""Tasks of tests: functions that workers can import."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from churn.errors import DataError


def refuse(bucket: str, folder: Path) -> None:
    (folder / "begun").touch()
    if bucket == "1":
        raise DataError("holds nothing to work on", where=f"bucket {bucket}", remedy="Load more.")


def crash(bucket: str, folder: Path) -> None:
    raise RuntimeError(f"bucket {bucket} in {folder.name}")


def die_once(bucket: str, folder: Path) -> None:
    from pyspark import TaskContext

    (folder / "made").write_text(bucket, encoding="utf-8")
    context = TaskContext.get()
    if bucket == "0" and context is not None and context.attemptNumber() == 0:
        os.kill(os.getpid(), signal.SIGKILL)
