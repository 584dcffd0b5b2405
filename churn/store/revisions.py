"""Which schema revisions this version knows, told from the names of the migration files alone."""

from __future__ import annotations

from functools import cache
from pathlib import Path

FOLDER = Path(__file__).resolve().parent / "migrations"


@cache
def revisions() -> tuple[str, ...]:
    """Return every revision this version knows, oldest first: `v0001_name.py` is revision `0001`."""
    return tuple(sorted(path.name[1:5] for path in (FOLDER / "versions").glob("v[0-9]*.py")))
