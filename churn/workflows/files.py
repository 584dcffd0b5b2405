"""Writes a result to a file: whole or not at all."""

from __future__ import annotations

from pathlib import Path

from churn.errors import ResourceError


def write_text(path: Path, text: str) -> Path:
    """Write `text` to `path` as UTF-8, making folders as needed; a reader never sees half of it.

    Raises ResourceError when the place cannot be written.
    """
    part = path.with_name(f".{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_text(text, encoding="utf-8")
        part.replace(path)
    except OSError as error:
        raise ResourceError(
            f"cannot be written: {error.strerror}", where=str(path), remedy="Free space or choose another place."
        ) from error
    return path
