"""Workbooks as LibreOffice opens them: the same values, shown as people expect, no formula; where it is installed."""

from __future__ import annotations

import shutil
import subprocess
from datetime import date, datetime
from pathlib import Path
from xml.etree import ElementTree as ET

import polars as pl
import pytest

from churn.files import write_frame

SOFFICE = shutil.which("soffice")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(SOFFICE is None, reason="LibreOffice is not installed (Debian: libreoffice-calc-nogui)"),
]
OFFICE, TABLE, TEXT = (f"{{urn:oasis:names:tc:opendocument:xmlns:{name}:1.0}}" for name in ("office", "table", "text"))
Cell = tuple[str | float | datetime | None, str]  # its value, and how it is shown


def opened(path: Path) -> list[list[Cell]]:
    """The cells of the first sheet, as a LibreOffice with a profile of its own holds and shows them."""
    assert SOFFICE is not None
    profile = f"-env:UserInstallation={(path.parent / 'profile').as_uri()}"
    command = [SOFFICE, profile, "--headless", "--convert-to", "fods", "--outdir", str(path.parent), str(path)]
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    sheet = ET.parse(path.with_suffix(".fods")).getroot().find(f".//{TABLE}table")
    assert sheet is not None
    assert not [cell for cell in sheet.iter(f"{TABLE}table-cell") if f"{TABLE}formula" in cell.attrib]
    rows = [row for row in sheet.iter(f"{TABLE}table-row") if f"{TABLE}number-rows-repeated" not in row.attrib]
    return [[cell_of(cell) for cell in row for _ in range(times(cell))] for row in rows]


def times(cell: ET.Element) -> int:
    return min(int(cell.get(f"{TABLE}number-columns-repeated", "1")), 10)


def cell_of(cell: ET.Element) -> Cell:
    shown = "\n".join("".join(line.itertext()) for line in cell.iter(f"{TEXT}p"))
    kind = cell.get(f"{OFFICE}value-type")
    if kind in {"float", "percentage", "currency"}:
        return float(cell.get(f"{OFFICE}value", "")), shown
    if kind == "date":
        return datetime.fromisoformat(cell.get(f"{OFFICE}date-value", "")), shown
    return shown or None, shown


def test_libreoffice_has_the_values_shows_them_as_people_expect_and_sees_no_formula(tmp_path: Path) -> None:
    frame = pl.DataFrame(
        {
            "customer_id": ["C1", "=1+1", '+49 30; "quoted"'],
            "churn_probability": [0.125, 0.5, None],
            "expected_profit": [-12.5, 3_000.0, None],
            "sessions": [1, 10**15 - 1, None],
            "snapshot_date": [date(2026, 1, 31), None, date(2024, 2, 29)],
            "scored_at": [datetime(2026, 1, 31, 3, 14, 15), None, None],
        }
    )
    head, *rows = opened(write_frame(tmp_path / "list.xlsx", frame, currency="EUR"))
    assert [value for value, _ in head[: frame.width]] == frame.columns
    rows, below = rows[: frame.height], rows[frame.height :]
    assert not [value for row in below for value, _ in row if value is not None]
    for name, column in zip(frame.columns, zip(*(row[: frame.width] for row in rows), strict=True), strict=True):
        theirs, ours = [value for value, _ in column], frame[name].to_list()
        if name == "snapshot_date":
            ours = [None if day is None else datetime.combine(day, datetime.min.time()) for day in ours]
        assert theirs == ours
    assert [shown for _, shown in rows[0][1:5]] == ["12.5%", "-EUR 12.50", "1", "2026-01-31"]
    assert rows[1][2][1] == "EUR 3,000.00"
