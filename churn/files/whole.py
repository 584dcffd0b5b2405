"""Writes a file whole or not at all, and refuses the name of one that cannot be written before any work is done."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path

from churn.errors import ConfigError, ResourceError

WORKBOOK = ".xlsx"
TABLES = (".csv", ".parquet", WORKBOOK)  # what a frame can be written as


def check_ending(path: Path, endings: Sequence[str], *, where: str | None = None) -> None:
    """Raise ConfigError when `path` ends with none of `endings`, or is a workbook and nothing is installed to write it."""
    if path.suffix not in endings:
        allowed = f"{', '.join(endings[:-1])} or {endings[-1]}" if len(endings) > 1 else endings[0]
        raise ConfigError(f"cannot write `{path.suffix}`", where=where or str(path), remedy=f"Use {allowed}.")
    if path.suffix == WORKBOOK:
        require_workbooks(where or str(path))


def require_workbooks(where: str) -> None:
    """Raise ConfigError when the library that writes workbooks is not installed."""
    if find_spec("xlsxwriter") is None:
        raise ConfigError(
            "Excel needs a library that is not installed", where=where, remedy="Run: pip install 'churn[excel]'"
        )


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
