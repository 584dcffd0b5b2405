"""Keeps every version of a campaign's or programme's file that was saved: who saved it, when and why, and its text as it was."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from churn.errors import DataError
from churn.files import write_text

_FOLDER = "history"
KeptFolder = Literal["campaigns", "programmes"]


@dataclass(frozen=True)
class FileVersion:
    """One text of a file; `who` is None where it was found changed in the file, not saved by the service."""

    number: int
    kept_at: datetime
    who: str | None
    why: str | None
    text: str

    @property
    def mark(self) -> str:
        """The mark of its text, see `mark_of`."""
        return mark_of(self.text)


def mark_of(text: str | None) -> str:
    """Return what tells one text of a file from another; empty for no file."""
    return "" if text is None else hashlib.sha256(text.encode()).hexdigest()[:16]


def campaign_versions(home: Path, name: str) -> list[FileVersion]:
    """Return the versions of a campaign, as `file_versions` does."""
    return file_versions(home, "campaigns", name)


def programme_versions(home: Path, name: str) -> list[FileVersion]:
    """Return the versions of a programme, as `file_versions` does."""
    return file_versions(home, "programmes", name)


def file_versions(home: Path, folder: KeptFolder, name: str) -> list[FileVersion]:
    """Return the versions of `folder`/`name`.toml, oldest first; empty where none was kept. Raises DataError for a damaged file."""
    path = _path(home, folder, name)
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return []
    try:
        return [_version(number, json.loads(line)) for number, line in enumerate(lines, 1)]
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(f"cannot be read: {error}", where=str(path), remedy="Restore it, or move it away.") from error


def note_version(
    home: Path, folder: KeptFolder, name: str, text: str, *, at: datetime, who: str | None, why: str | None = None
) -> FileVersion:
    """Keep `text` as the newest version and return it. The caller holds the lock of the folder."""
    versions = file_versions(home, folder, name)
    version = FileVersion(len(versions) + 1, at, who, why or None, text)
    path = _path(home, folder, name)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, "".join(f"{_line(each_version)}\n" for each_version in [*versions, version]))
    return version


def _path(home: Path, folder: KeptFolder, name: str) -> Path:
    return home / folder / _FOLDER / f"{name}.jsonl"


def _line(version: FileVersion) -> str:
    values = asdict(version) | {"kept_at": version.kept_at.isoformat()}
    del values["number"]  # its place in the file
    return json.dumps(values, ensure_ascii=False)


def _version(number: int, values: Mapping[str, Any]) -> FileVersion:  # free: a line of JSON
    return FileVersion(
        number, datetime.fromisoformat(values["kept_at"]), values["who"], values["why"], str(values["text"])
    )
