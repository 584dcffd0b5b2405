"""Finds the SQL, campaign and report files that ship with the package, and those a user adds beside them."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent
_BUNDLE = _PACKAGE / "_bundle"  # present in an installed wheel only
_CHECKOUT = _PACKAGE.parent


def bundled(folder: str) -> Path:
    """Return the shipped folder `sql`, `campaigns` or `reports`, in a wheel as in a checkout.

    Raises FileNotFoundError for any other name.
    """
    for root in (_BUNDLE, _CHECKOUT):
        path = root / folder
        if path.is_dir():
            return path
    raise FileNotFoundError(folder)


def layered(folder: str, home: Path, suffix: str) -> dict[str, Path]:
    """Return every file of `folder` with `suffix`, by its path without suffix (`features/usage`).

    Files under `home/folder` come on top of the shipped ones: a new name adds, the same name replaces.
    """
    found: dict[str, Path] = {}
    for root in (bundled(folder), home / folder):
        if root.is_dir():
            for path in sorted(root.rglob(f"*{suffix}")):
                found[path.relative_to(root).as_posix().removesuffix(suffix)] = path
    return found
