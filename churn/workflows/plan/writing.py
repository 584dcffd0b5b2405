"""Writes a plan's assignments to a file: a table, or .json or .xlsx with the whole plan."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from churn.documents.plan import PlanDocument
from churn.files import TABLES, WORKBOOK, frame_sheet, write_frame, write_text, write_workbook
from churn.files import check_ending as check_file_ending
from churn.reports.workbooks import plan_sheets

if TYPE_CHECKING:
    import polars as pl


ENDINGS = (*TABLES, ".json")


def check_ending(path: Path) -> None:
    """Raise ConfigError for a file ending that cannot be written, before any work."""
    check_file_ending(path, ENDINGS, where="--out")


def write_assignments(assignments: pl.DataFrame, document: PlanDocument, path: Path) -> Path:
    """Write the assignments to `path`, and the plan's document beside them in JSON and in a workbook. Raises ResourceError."""
    if path.suffix == WORKBOOK:
        sheets = plan_sheets(document, frame_sheet(assignments, "Assignments"))
        return write_workbook(path, sheets, currency=document.currency)
    if path.suffix != ".json":
        return write_frame(path, assignments)
    rows = json.loads(assignments.write_json())
    return write_text(path, json.dumps({**document.as_json(), "assignments": rows}, indent=2) + "\n")
