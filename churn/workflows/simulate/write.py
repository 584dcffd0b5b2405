"""Writes a simulation as a file: the curve as .csv, the whole document as .json, a page as .html, its tables as .xlsx."""

from __future__ import annotations

import json
from pathlib import Path

from churn.context import Context
from churn.documents.simulation import SimulatedCut, SimulationDocument
from churn.files import WORKBOOK, csv_text, write_text, write_workbook
from churn.files import check_ending as check_file_ending
from churn.reports.simulation import render_simulation
from churn.reports.workbooks import simulation_sheets

ENDINGS = (".csv", ".json", ".html", WORKBOOK)


def check_ending(path: Path) -> None:
    """Raise ConfigError when no simulation can be written to a file of this name."""
    check_file_ending(path, ENDINGS)


def write_simulation(
    context: Context, document: SimulationDocument, path: Path, *, language: str | None = None
) -> Path:
    """Write `document` to `path`: the curve as .csv, all of it as .json, a page as .html, its tables as .xlsx. The write is atomic.

    A page is in `language`, by default the company's.

    Raises ConfigError for another ending, ResourceError when the place cannot be written.
    """
    check_ending(path)
    if path.suffix == WORKBOOK:
        return write_workbook(path, simulation_sheets(document), currency=document.currency)
    if path.suffix == ".csv":
        text = _csv(document)
    elif path.suffix == ".json":
        text = json.dumps(document.as_json(), indent=2, allow_nan=False) + "\n"
    else:
        with context.speaking(language):
            text = render_simulation(document, home=context.settings.home)
    return write_text(path, text)


def _csv(document: SimulationDocument) -> str:
    columns = list(SimulatedCut.model_fields)
    return csv_text([columns, *([getattr(cut, column) for column in columns] for cut in document.curve)])
