"""Files that were sent to the service for a job: kept in the home until the job has read them."""

from __future__ import annotations

import re
import secrets
from pathlib import Path

from churn.context import Context
from churn.errors import ConfigError
from churn.files import write_whole

_NAME = re.compile(r"[0-9a-f]{32}(\.[a-z0-9]{1,10}){0,2}")
_ENDINGS = re.compile(r"((\.[A-Za-z0-9]{1,10})?(\.gz|\.zst)?)$")


def keep_upload(context: Context, file_name: str, content: bytes) -> str:
    """Keep a file that was sent and return the name it has here: by chance, with its ending. Raises ResourceError."""
    ending = _ENDINGS.search(Path(file_name).name)
    name = f"{secrets.token_hex(16)}{ending[1].lower() if ending else ''}"
    write_whole(_folder(context) / name, lambda path: path.write_bytes(content))
    return name


def uploaded_file(context: Context, name: str) -> Path:
    """Return where a file that was sent lies. Raises ConfigError for a name that is none of ours, or is gone."""
    path = _folder(context) / name
    if not _NAME.fullmatch(name) or not path.is_file():
        raise ConfigError("there is no such upload", where=name[:100], remedy="Send the file again.")
    return path


def _folder(context: Context) -> Path:
    return context.settings.home / "uploads"
