"""Writes a measurement as a page, as JSON, its effects as CSV, or its tables as an Excel workbook."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from pydantic import JsonValue

from churn.documents.measurement import MeasurementDocument
from churn.files import WORKBOOK, Sheet, csv_text, write_text, write_workbook
from churn.files import check_ending as check_file_ending
from churn.files.columns import Kind
from churn.reports.campaign import render_campaign
from churn.reports.workbooks import measurement_sheets

ENDINGS: Final = (".html", ".json", ".csv", WORKBOOK)
_SHARES: Final[dict[str, Kind]] = {"low": "share", "high": "share"}
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
    check_file_ending(path, ENDINGS)


def write_measurement(document: MeasurementDocument, path: Path, *, home: Path) -> Path:
    """Write `document` to `path`: the effects as .csv, all of it as .json, a page as .html, its tables as .xlsx. The write is atomic.

    A page is in the language spoken.

    Raises ConfigError for another ending, ResourceError when the place cannot be written.
    """
    check_ending(path)
    if path.suffix == ".json":
        return write_text(path, json.dumps(document.as_json(), indent=2, allow_nan=False) + "\n")
    if path.suffix == ".csv":
        return write_text(path, csv_text([_COLUMNS, *_cells(document)]))
    if path.suffix == WORKBOOK:
        cells = _cells(document)
        effects = Sheet("Effects", _COLUMNS, cells, len(cells), _SHARES)
        return write_workbook(path, measurement_sheets(document, effects), currency=document.currency)
    return write_text(path, render_campaign(document, home=home))


def _cells(document: MeasurementDocument) -> list[list[JsonValue]]:
    return [[row.get(name) for name in _COLUMNS] for row in _rows(document)]


def _rows(document: MeasurementDocument) -> Iterator[dict[str, JsonValue]]:
    """Yield the effects, the as-assigned one first, then adjusted, delivered, and by segment."""
    delivered = document.delivered.effect if document.delivered is not None else None
    for part, effect in (
        ("as assigned", document.effect),
        ("unstratified", document.plain_effect),
        ("cuped", document.cuped),
        ("delivered", delivered),
    ):
        if effect is not None:
            yield {"part": part, **effect.as_json()}
    for segment in document.segments:
        yield {"part": segment.dimension, **segment.as_json()}
