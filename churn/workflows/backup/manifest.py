"""What a backup's folder holds: the list of its files, written last, so that a folder without one is no backup."""

from __future__ import annotations

import hashlib
import shutil
from datetime import datetime
from pathlib import Path

from pydantic import BaseModel, ValidationError

from churn.errors import ConfigError, DataError

MANIFEST = "backup.json"
STORE = "store.sqlite"  # also where the store was PostgreSQL: a backup can be brought back into either
HOME = "home"
_FORM = 1


class BackedUpFile(BaseModel):
    """One file, by its path in the backup."""

    path: str
    bytes: int
    sha256: str


class BackupManifest(BaseModel):
    """The list of a backup's files. `made_at` is UTC."""

    form: int = _FORM
    made_at: datetime
    version: str
    files: list[BackedUpFile]


def described(path: Path, root: Path) -> BackedUpFile:
    """Return what the manifest says of a file."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return BackedUpFile(path=path.relative_to(root).as_posix(), bytes=path.stat().st_size, sha256=digest)


def read_manifest(folder: Path) -> BackupManifest:
    """Return the list of a whole backup. Raises ConfigError for a folder that is none, DataError for a damaged one."""
    path = folder / MANIFEST
    if not path.is_file():
        raise ConfigError(
            "is no backup, or one that was cut off",
            where=str(folder),
            remedy="Name a folder that `churn backup` wrote.",
        )
    try:
        manifest = BackupManifest.model_validate_json(path.read_bytes())
    except ValidationError as error:
        raise DataError("the backup's list cannot be read", where=str(path), remedy="Take another backup.") from error
    if manifest.form != _FORM:
        raise ConfigError("a newer version of churn wrote this backup", where=str(path), remedy="Upgrade churn.")
    for file in manifest.files:
        kept = folder / file.path
        if not kept.resolve().is_relative_to(folder.resolve()) or not kept.is_file() or described(kept, folder) != file:
            raise DataError("is missing or damaged", where=str(kept), remedy="Take another backup.")
    return manifest


def copied(source: Path, target: Path) -> bool:
    """Copy a file, readable by this account alone; False where it has been removed meanwhile."""
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        shutil.copyfile(source, target)
    except FileNotFoundError:
        return False
    target.chmod(0o600)
    return True
