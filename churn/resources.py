"""Finds the SQL, campaign and report files that ship with the package, and those a user adds beside them."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent
_BUNDLE = _PACKAGE / "_bundle"  # present in an installed wheel only
_CHECKOUT = _PACKAGE.parent
_FOLDERS = frozenset({"sql", "campaigns", "reports"})


def bundled(folder: str) -> Path:
    """Return the shipped folder `sql`, `campaigns` or `reports`, in a wheel as in a checkout; it may be absent if empty.

    Raises FileNotFoundError for any other name.
    """
    if folder not in _FOLDERS:
        raise FileNotFoundError(folder)
    return (_BUNDLE if _BUNDLE.is_dir() else _CHECKOUT) / folder


def layered(folder: str, home: Path, suffix: str) -> dict[str, Path]:
    """Return every file of `folder` with `suffix`, by its path without suffix (`features/usage`).

    Files under `home/folder` come on top of the shipped ones: a new name adds, the same name replaces.
    """
    files: dict[str, Path] = {}
    for root in (bundled(folder), home / folder):
        if root.is_dir():
            for path in sorted(root.rglob(f"*{suffix}")):
                files[path.relative_to(root).as_posix().removesuffix(suffix)] = path
    return files
