"""Workbooks are read back by another library: the same values, in the formats that people expect, and no formula."""

from __future__ import annotations

import io
import zipfile
from datetime import date, datetime
from pathlib import Path

import openpyxl
import polars as pl
import pytest
from openpyxl.utils.escape import unescape

from churn.errors import ConfigError, ResourceError
from churn.files import FORMULA_STARTS, Sheet, whole, workbook, workbook_bytes, write_frame, write_workbook
from churn.files.columns import kind_of

FRAME = pl.DataFrame(
    {
        "customer_id": ["C1", "=1+1", None],
        "churn_probability": [0.125, 0.5, float("nan")],
        "expected_profit": [-12.5, None, 3_000.0],
        "sessions": [1, 10**15 - 1, -(10**15)],
        "is_listed": [True, False, None],
        "snapshot_date": [date(2026, 1, 31), None, date(1899, 1, 1)],
        "scored_at": [datetime(2026, 1, 31, 3, 14, 15), None, None],
    }
)


def test_a_frame_is_read_back_as_it_was(tmp_path: Path) -> None:
    sheet = openpyxl.load_workbook(write_frame(tmp_path / "new" / "list.xlsx", FRAME, currency="EUR")).active
    head, *rows = sheet.values
    assert list(head) == FRAME.columns
    assert rows == [
        ("C1", 0.125, -12.5, 1, True, datetime(2026, 1, 31), datetime(2026, 1, 31, 3, 14, 15)),
        ("=1+1", 0.5, None, 10**15 - 1, False, None, None),
        (None, None, 3_000, str(-(10**15)), None, "1899-01-01", None),
    ]
    assert sheet.freeze_panes == "A2"
    assert sheet.auto_filter.ref == "A1:G4"
    formats = {cell.column_letter: cell.number_format for cell in sheet[2]}
    assert formats["B"] == "0.0%"
    assert formats["C"] == "[$EUR] #,##0.00"
    assert (formats["D"], formats["F"]) == ("#,##0", "yyyy-mm-dd")


@pytest.mark.parametrize("start", FORMULA_STARTS)
def test_a_text_that_begins_like_a_formula_is_a_text(start: str, tmp_path: Path) -> None:
    cell = f'{start}HYPERLINK("http://x")'
    path = write_workbook(tmp_path / "b.xlsx", [Sheet("S", (cell,), [(cell,), ("http://example.com",)])])
    book = openpyxl.load_workbook(path)
    assert [unescape(row[0].value) for row in book["S"]] == [cell, cell, "http://example.com"]
    assert {row[0].data_type for row in book["S"]} <= {"s", "inlineStr"}
    with zipfile.ZipFile(path) as file:
        content = b"".join(file.read(name) for name in file.namelist())
    assert b"<f>" not in content
    assert b"<hyperlink" not in content


def test_money_has_the_decimals_of_its_currency() -> None:
    sheet = Sheet("S", ("cost",), [(5.0,)])
    for currency, shown in (("JPY", "[$JPY] #,##0"), ("KWD", "[$KWD] #,##0.000"), (None, "#,##0.00")):
        book = openpyxl.load_workbook(io.BytesIO(workbook_bytes([sheet], currency=currency)))
        assert book["S"]["A2"].number_format == shown


@pytest.mark.parametrize(
    ("column", "kind"),
    [
        ("expected_profit", "money"),
        ("net_profit_interval_low", "money"),
        ("costs_contact_cost", "money"),
        ("optimum_net_profit", "money"),
        ("churn_within_30d", "share"),
        ("success_rate_high", "share"),
        ("contacts", "number"),
        ("percentile", "number"),
    ],
)
def test_the_name_of_a_column_tells_what_its_numbers_are(column: str, kind: str) -> None:
    assert kind_of(column) == kind


def test_two_million_rows_are_refused_before_anything_is_written(tmp_path: Path) -> None:
    many = pl.DataFrame({"customer_id": pl.Series([0], dtype=pl.Int64).new_from_index(0, 2_000_000)})
    with pytest.raises(
        ConfigError, match=r"1,048,575 rows below its header, and 2,000,000 rows.*Write .csv or .parquet"
    ):
        write_frame(tmp_path / "list.xlsx", many)
    assert list(tmp_path.iterdir()) == []


def test_rows_that_come_one_by_one_are_bounded_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workbook, "MOST_ROWS", 4)
    write_workbook(tmp_path / "list.xlsx", [Sheet("S", ("n",), ((n,) for n in range(3)))])
    with pytest.raises(ConfigError, match="3 rows below its header, and there are more"):
        write_workbook(tmp_path / "more.xlsx", [Sheet("S", ("n",), ((n,) for n in range(4)))])
    assert [path.name for path in tmp_path.iterdir()] == ["list.xlsx"]


def test_a_text_longer_than_a_cell_is_refused_rather_than_lost(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="of row 1 has 32,768"):
        write_frame(tmp_path / "list.xlsx", pl.DataFrame({"reasons": ["x" * 32_768]}))


def test_a_place_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ResourceError, match="cannot be written"):
        write_frame(tmp_path / "file" / "list.xlsx", FRAME)


def test_without_the_library_the_error_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(whole, "find_spec", lambda _name: None)
    with pytest.raises(ConfigError, match=r"pip install 'churn\[excel\]'"):
        write_frame(tmp_path / "list.xlsx", FRAME)
