"""Writes a simulation's document to a file: the curve as CSV, everything as JSON, or a page to read and print."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from churn.errors import ConfigError
from churn.files import write_text

ENDINGS = (".csv", ".json", ".html")


def check_ending(path: Path) -> None:
    """Raise ConfigError when no simulation can be written to a file of this name."""
    if path.suffix not in ENDINGS:
        raise ConfigError(f"cannot write `{path.suffix}`", where=str(path), remedy="Use .csv, .json or .html.")


def write(document: Mapping[str, Any], path: Path, *, home: Path) -> Path:
    """Write `document` to `path`: the curve as .csv, all of it as .json, or a page as .html. The write is atomic.

    Raises ConfigError for another ending, ResourceError when the place cannot be written.
    """
    check_ending(path)
    if path.suffix == ".csv":
        text = _csv(document["curve"])
    elif path.suffix == ".json":
        text = json.dumps(document, indent=2, allow_nan=False) + "\n"
    else:
        from churn.reports.simulation import render_simulation

        text = render_simulation(document, home=home)
    return write_text(path, text)


def _csv(curve: list[dict[str, Any]]) -> str:
    out = io.StringIO()
    writer = csv.DictWriter(out, fieldnames=list(curve[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(curve)
    return out.getvalue()
