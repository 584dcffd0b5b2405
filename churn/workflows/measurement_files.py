"""Writes a measurement's document to a file: the effects as CSV, everything as JSON, or a page to read and print."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from churn.errors import ConfigError
from churn.files import write_text

ENDINGS: Final = (".html", ".json", ".csv")
_COLUMNS: Final = (
    "part",
    "segment",
    "treatment",
    "holdout",
    "churn_treatment",
    "churn_holdout",
    "delta",
    "low",
    "high",
    "p_value",
    "p_corrected",
)


def check_ending(path: Path) -> None:
    """Raise ConfigError when no measurement can be written to a file of this name."""
    if path.suffix not in ENDINGS:
        raise ConfigError(f"cannot write `{path.suffix}`", where=str(path), remedy="Use .html, .json or .csv.")


def write(document: Mapping[str, Any], path: Path, *, home: Path) -> Path:
    """Write `document` to `path`: the effects as .csv, all of it as .json, or a page as .html. The write is atomic.

    Raises ConfigError for another ending, ResourceError when the place cannot be written.
    """
    check_ending(path)
    if path.suffix == ".json":
        return write_text(path, json.dumps(document, indent=2, allow_nan=False, default=str) + "\n")
    if path.suffix == ".csv":
        return write_text(path, _csv(document))
    from churn.reports.campaign import render_campaign

    return write_text(path, render_campaign(document, home=home))


def _csv(document: Mapping[str, Any]) -> str:
    out = io.StringIO()
    writer = csv.DictWriter(out, fieldnames=_COLUMNS, lineterminator="\n", extrasaction="ignore", restval="")
    writer.writeheader()
    writer.writerows(_rows(document))
    return out.getvalue()


def _rows(document: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield the effects, the as-assigned one first, then adjusted, delivered, and by segment."""
    for part, effect in (
        ("as assigned", document["effect"]),
        ("unstratified", document["plain_effect"]),
        ("cuped", document["cuped"]),
        ("delivered", (document["delivered"] or {}).get("effect")),
    ):
        if effect is not None:
            yield {"part": part, **effect}
    for row in document["segments"]:
        yield {"part": row["dimension"], **row}
