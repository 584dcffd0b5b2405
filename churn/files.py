"""Writes a result to a file: whole or not at all."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from churn.errors import ResourceError


def write_text(path: Path, text: str) -> Path:
    """Write `text` to `path` as UTF-8, making folders as needed; a reader never sees half of it.

    Raises ResourceError when the place cannot be written.
    """
    return write_whole(path, lambda part: part.write_text(text, encoding="utf-8"))


def write_whole(path: Path, write: Callable[[Path], object]) -> Path:
    """Let `write` write another file in the folder of `path`, which then takes its name. Raises as `write_text`."""
    part = path.with_name(f".{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write(part)
        part.replace(path)
    except OSError as error:
        raise ResourceError(
            f"cannot be written: {error.strerror or error}",
            where=str(path),
            remedy="Free space or choose another place.",
        ) from error
    return path
