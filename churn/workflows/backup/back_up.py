"""Backs a home up while its service runs: first the store as of one instant, then the files that it refers to."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

from churn import __version__
from churn.context import Context
from churn.errors import ConfigError, ResourceError
from churn.files import write_text
from churn.store.copying import save_store
from churn.warehouse.lock import locked
from churn.workflows.backup.manifest import HOME, MANIFEST, STORE, BackupManifest, copied, described

# Not copied: locks, unfinished and temporary files of running processes, the log, and the store, which is copied by
# itself.
_LEFT_OUT = ("*.lock", ".*.part", "store.sqlite*", "churn.log*", "tmp", ".restoring", ".replaced")


@dataclass(frozen=True)
class BackupResult:
    """What was written."""

    folder: Path
    files: int
    bytes: int


def back_up(context: Context, folder: Path) -> BackupResult:
    """Write home and store into the new folder `folder`, consistent with each other; the service goes on meanwhile.

    Raises WarehouseBusy while a job is at work, ConfigError for a folder that holds something or lies in the home,
    ResourceError when it cannot be written.
    """
    home, warehouse = context.settings.home, context.settings.warehouse_path
    _check_place(folder, home)
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if warehouse.exists():
            with context.open_warehouse("churn backup") as opened:  # also raises if another program has it open
                opened.execute("checkpoint")
        with locked(warehouse, "churn backup"):  # no job changes the files of the home
            with context.open_store() as store:
                save_store(store, folder / STORE)
            (folder / STORE).chmod(0o600)
            files = [folder / STORE]
            for path in _files(home):
                context.progress.step(f"Copying {path.relative_to(home)}")
                target = folder / HOME / path.relative_to(home)
                if copied(path, target):
                    files.append(target)
        listed = [described(path, folder) for path in files]
    except OSError as error:
        raise ResourceError(
            f"cannot be written: {error.strerror or error}",
            where=str(folder),
            remedy="Free space or choose another place.",
        ) from error
    manifest = BackupManifest(made_at=context.clock(), version=__version__, files=listed)
    write_text(folder / MANIFEST, manifest.model_dump_json(indent=1) + "\n")
    with context.open_store() as store:
        store.requests.audit("command line", "backup", str(folder), context.clock())
    return BackupResult(folder, len(listed), sum(file.bytes for file in listed))


def _check_place(folder: Path, home: Path) -> None:
    if folder.resolve().is_relative_to(home.resolve()):
        raise ConfigError("lies in the home", where=str(folder), remedy="Put backups on another disk.")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ConfigError("holds something already", where=str(folder), remedy="Name a new folder for each backup.")


def _files(home: Path) -> Iterator[Path]:
    for place, folders, names in os.walk(home):
        folders[:] = sorted(name for name in folders if not _is_left_out(name))
        yield from (Path(place) / name for name in sorted(names) if not _is_left_out(name))


def _is_left_out(name: str) -> bool:
    return any(fnmatch(name, pattern) for pattern in _LEFT_OUT)
