"""Brings a backup back: checked as a whole before anything is replaced, the store last and in one transaction."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from churn.context import Context
from churn.errors import ConfigError, ResourceError
from churn.store.copying import bring_back_store
from churn.warehouse.lock import locked
from churn.workflows.backup.manifest import HOME, STORE, copied, read_manifest

_NEW, _OLD = ".restoring", ".replaced"


@dataclass(frozen=True)
class RestoreResult:
    """What was brought back. `needs_restart` where a service that runs still holds the damaged store."""

    made_at: datetime
    files: int
    needs_restart: bool


def restore(context: Context, folder: Path, *, replace: bool = False) -> RestoreResult:
    """Make home and store what the backup in `folder` holds; what the home holds besides it, stays.

    Raises ConfigError for a folder that is no backup, and for a home that holds something unless it is to be replaced;
    DataError for a damaged backup; WarehouseBusy while a job is at work; ResourceError when the home cannot be written.
    """
    home, warehouse = context.settings.home, context.settings.warehouse_path
    manifest = read_manifest(folder)
    if not replace and (warehouse.exists() or (home / STORE).exists()):
        raise ConfigError("holds a company already", where=str(home), remedy="To replace it, add --replace.")
    try:
        with locked(warehouse, "churn restore"):
            _clear(home)
            for file in manifest.files:
                context.progress.step(f"Bringing back {file.path}")
                copied(folder / file.path, home / _NEW / file.path)
            _swap(home)
            is_same_file = bring_back_store(home / _NEW / STORE, context.settings.database_url)
            _clear(home)
    except OSError as error:
        raise ResourceError(
            f"cannot be written: {error.strerror or error}", where=str(home), remedy="Free space, then restore again."
        ) from error
    with context.open_store() as store:
        store.requests.audit("command line", "restore", f"{manifest.made_at:%Y-%m-%d %H:%M} UTC", context.clock())
    return RestoreResult(manifest.made_at, len(manifest.files), needs_restart=not is_same_file)


def _swap(home: Path) -> None:
    """Put each folder and file of the backup in the place of that of the home."""
    (home / _OLD).mkdir(mode=0o700, exist_ok=True)
    (home / "warehouse.duckdb.wal").unlink(missing_ok=True)  # belongs to the file that goes
    new = home / _NEW / HOME
    for entry in sorted(new.iterdir()) if new.is_dir() else ():
        if (home / entry.name).exists():
            (home / entry.name).rename(home / _OLD / entry.name)
        entry.rename(home / entry.name)


def _clear(home: Path) -> None:
    for name in (_NEW, _OLD):
        shutil.rmtree(home / name, ignore_errors=True)
