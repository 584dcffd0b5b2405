"""One customer leaves a workbook, ours or one that another program has saved, and everything else stays."""

from __future__ import annotations

from pathlib import Path

import openpyxl
import pytest

from churn.files import Sheet, write_workbook
from churn.workflows.privacy.files import erase_from_file, rows_in_file

GONE, OTHER = "C & <77>000", "C0000078"
ROWS = [(GONE, 0.5, "was called"), (OTHER, 0.25, f"see {GONE}, who was called"), (OTHER, 0.125, None)]


@pytest.fixture(params=["ours", "another's"])
def book(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    path = write_workbook(tmp_path / "list.xlsx", [Sheet("List", ("customer_id", "risk", "note"), ROWS)])
    if request.param != "ours":
        openpyxl.load_workbook(path).save(path)  # texts lie in one table of the file, and cells name their place in it
    return path


def test_the_rows_of_a_customer_are_told_by_their_heads(book: Path) -> None:
    assert rows_in_file(book, GONE) == [{"customer_id": GONE, "risk": "0.5", "note": "was called"}]
    assert rows_in_file(book, "nobody") == []


def test_rows_and_mentions_of_a_customer_go(book: Path) -> None:
    assert erase_from_file(book, GONE) >= 1
    sheet = openpyxl.load_workbook(book)["List"]
    kept = [row for row in sheet.values if any(row)]
    assert kept == [
        ("customer_id", "risk", "note"),
        (OTHER, 0.25, "see [erased], who was called"),
        (OTHER, 0.125, None),
    ]
    assert sheet["B3"].number_format == sheet["B4"].number_format
    assert erase_from_file(book, GONE) == 0


def test_a_file_that_is_no_workbook_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "list.xlsx").write_text(GONE)
    assert (rows_in_file(tmp_path / "list.xlsx", GONE), erase_from_file(tmp_path / "list.xlsx", GONE)) == ([], 0)
