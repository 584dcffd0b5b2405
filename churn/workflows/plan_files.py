"""Writes the assignments of a plan to a file: CSV safe for spreadsheets, Parquet, or JSON with the whole plan."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from churn.errors import ConfigError
from churn.files import write_text, write_whole
from churn.views.risk_list import without_formulas

if TYPE_CHECKING:
    import polars as pl

ENDINGS = (".csv", ".parquet", ".json")


def check_ending(path: Path) -> None:
    """Raise ConfigError for a file ending that cannot be written, before any work."""
    if path.suffix not in ENDINGS:
        raise ConfigError(f"cannot write `{path.suffix}`", where="--out", remedy="Use .csv, .parquet or .json.")


def write_assignments(assignments: pl.DataFrame, document: Mapping[str, Any], path: Path) -> Path:
    """Write the assignments to `path`, and as JSON the plan's document beside them. Raises ResourceError."""
    if path.suffix == ".parquet":
        return write_whole(path, assignments.write_parquet)
    if path.suffix == ".csv":
        return write_text(path, without_formulas(assignments).write_csv())
    rows = json.loads(assignments.write_json())
    return write_text(path, json.dumps({**document, "assignments": rows}, indent=2) + "\n")
