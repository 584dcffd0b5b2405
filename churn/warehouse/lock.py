"""One job at a time: an operating-system lock beside the warehouse, holding the name of who has it.

The lock is the kernel's (flock), so a killed holder leaves nothing to clean up; the text in the file is only for people.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock, Timeout

from churn.errors import ResourceError, WarehouseBusy


def lock_path(database: Path) -> Path:
    """Return the path of the lock file that belongs to `database`."""
    return database.with_name(database.name + ".lock")


def acquire(database: Path, holder: str) -> FileLock:
    """Take the lock of `database` for the command `holder`, without waiting.

    Raises WarehouseBusy naming the holder's command, process and start, ResourceError if the lock cannot be written.
    """
    path = lock_path(database)
    lock = FileLock(path, is_singleton=False)
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        raise _busy(database, path) from error
    except OSError as error:
        remedy = "Make the home folder writable for this user."
        raise ResourceError(f"cannot be locked: {error.strerror}", where=str(path), remedy=remedy) from error
    try:
        path.write_text(json.dumps({"command": holder, "pid": os.getpid()}) + "\n", encoding="utf-8")
    except OSError as error:
        lock.release()
        raise ResourceError(f"cannot be written: {error.strerror}", where=str(path)) from error
    return lock


@contextmanager
def locked(database: Path, holder: str) -> Iterator[None]:
    """Keep jobs away from the files of `database` within the block. Raises as `acquire`."""
    lock = acquire(database, holder)
    try:
        yield
    finally:
        lock.release()


def _busy(database: Path, path: Path) -> WarehouseBusy:
    try:
        holder = json.loads(path.read_text(encoding="utf-8"))
        # The holder wrote the file when it took the lock: its age needs no clock of ours.
        since = datetime.fromtimestamp(path.stat().st_mtime, tz=UTC)
        who = f"`{holder['command']}` (process {holder['pid']}, since {since:%Y-%m-%d %H:%M:%S} UTC)"
    except (OSError, ValueError, KeyError, TypeError):
        who = "another process"  # it has taken the lock but not yet signed it
    return WarehouseBusy(f"{who} is using the warehouse", where=str(database), remedy="Try again when it is done.")
