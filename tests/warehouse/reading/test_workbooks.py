"""Workbooks as sources: each cell as what it is, the sheet declared or the only one, and the rules of text for the rest."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest
import xlsxwriter

from churn.config import SourceSettings
from churn.errors import ContractBroken
from churn.warehouse import Warehouse
from churn.warehouse.loading.ingest import ingest
from churn.warehouse.reading.workbooks import how_to_read

NOW = datetime(2026, 7, 1)
MANIFEST = (
    '<?xml version="1.0" encoding="UTF-8"?><manifest:manifest xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0">'
    '<manifest:file-entry manifest:full-path="/" manifest:media-type="application/vnd.oasis.opendocument.spreadsheet"/>'
    "</manifest:manifest>"
)
PAYMENTS: list[list[Any]] = [
    ["payment_id", "customer_id", "attempted_at", "amount", "status"],
    [1001.0, 17.0, datetime(2026, 3, 1), 29.99, "succeeded"],
    [1002.0, 17.0, datetime(2026, 4, 1, 10, 30), 30.0, "failed"],
    [1003.0, "C'18", datetime(2026, 4, 2), -0.5, None],
]


def workbook(path: Path, sheets: Mapping[str, Sequence[Sequence[Any]]]) -> Path:
    """Write a real workbook: numbers as numbers, times as times."""
    book = xlsxwriter.Workbook(path)
    day, time = book.add_format({"num_format": "yyyy-mm-dd"}), book.add_format({"num_format": "yyyy-mm-dd hh:mm"})
    for name, rows in sheets.items():
        sheet = book.add_worksheet(name)
        for r, row in enumerate(rows):
            for c, cell in enumerate(row):
                if isinstance(cell, date):
                    has_hour = isinstance(cell, datetime) and cell.time() != datetime.min.time()
                    sheet.write_datetime(r, c, cell, time if has_hour else day)
                elif cell is not None:
                    sheet.write(r, c, cell)
    book.close()
    return path


def loaded(warehouse: Warehouse, path: Path, **more: Any) -> list[tuple[Any, ...]]:
    ingest(warehouse, {"payments": SourceSettings(path=str(path), **more)}, now=NOW)
    return warehouse.rows("select payment_id, customer_id, attempted_at, amount, status from raw.payments order by 1")


def test_cells_are_read_as_what_they_are(warehouse: Warehouse, tmp_path: Path) -> None:
    assert loaded(warehouse, workbook(tmp_path / "payments.xlsx", {"Sheet1": PAYMENTS, "Empty": []})) == [
        ("1001", "17", datetime(2026, 3, 1), 29.99, "succeeded"),
        ("1002", "17", datetime(2026, 4, 1, 10, 30), 30.0, "failed"),
        ("1003", "C'18", datetime(2026, 4, 2), -0.5, None),
    ]


def test_several_sheets_must_be_named(warehouse: Warehouse, tmp_path: Path) -> None:
    path = workbook(tmp_path / "payments.xlsx", {"2025": PAYMENTS[:2], "2026": [PAYMENTS[0], *PAYMENTS[2:]]})
    with pytest.raises(ContractBroken, match='2 sheets: "2025", "2026"'):
        loaded(warehouse, path)
    with pytest.raises(ContractBroken, match='no sheet "2027"'):
        loaded(warehouse, path, options={"sheet": "2027"})
    assert [row[0] for row in loaded(warehouse, path, options={"sheet": ["2025", "2026"]})] == ["1001", "1002", "1003"]


def test_sheets_of_other_forms_are_not_put_together(warehouse: Warehouse, tmp_path: Path) -> None:
    path = workbook(tmp_path / "payments.xlsx", {"a": PAYMENTS, "b": [["payment_id", "note"], [1, "x"]]})
    with pytest.raises(ContractBroken, match="other headers"):
        loaded(warehouse, path, options={"sheet": ["a", "b"]})


def test_a_title_above_the_table_is_skipped_and_how_is_proposed(warehouse: Warehouse, tmp_path: Path) -> None:
    rows: list[list[Any]] = [["Payments of the spring"], [], *PAYMENTS]
    path = workbook(tmp_path / "payments.xlsx", {"Notes": [["what", "means"], ["status", "x"]], "Data": rows})
    options, others = how_to_read(path)
    assert (options, others) == ({"sheet": "Data", "skip": 2}, ("Notes",))
    assert len(loaded(warehouse, path, options=options)) == 3


def test_dates_typed_as_text_keep_the_rules_of_text(warehouse: Warehouse, tmp_path: Path) -> None:
    rows: list[list[Any]] = [PAYMENTS[0], [1, "C1", "03/04/2026", 5, "succeeded"]]
    path = workbook(tmp_path / "payments.xlsx", {"Sheet1": rows})
    with pytest.raises(ContractBroken, match="03/04/2026"):
        loaded(warehouse, path)
    assert loaded(warehouse, path, dates="%d/%m/%Y")[0][2] == datetime(2026, 4, 3)


def test_an_open_document_is_read_too(warehouse: Warehouse, tmp_path: Path) -> None:
    cells = "".join(
        f'<table:table-cell office:value-type="string"><text:p>{word}</text:p></table:table-cell>'
        for word in ("payment_id", "customer_id", "attempted_at")
    )
    values = (
        '<table:table-cell office:value-type="float" office:value="7"><text:p>7</text:p></table:table-cell>'
        '<table:table-cell office:value-type="string"><text:p>C1</text:p></table:table-cell>'
        '<table:table-cell office:value-type="date" office:date-value="2026-03-01"><text:p>1 March</text:p></table:table-cell>'
    )
    spaces = " ".join(f'xmlns:{n}="urn:oasis:names:tc:opendocument:xmlns:{n}:1.0"' for n in ("office", "table", "text"))
    content = (
        f'<?xml version="1.0" encoding="UTF-8"?><office:document-content {spaces}><office:body><office:spreadsheet>'
        f'<table:table table:name="S"><table:table-row>{cells}</table:table-row><table:table-row>{values}</table:table-row>'
        "</table:table></office:spreadsheet></office:body></office:document-content>"
    )
    path = tmp_path / "payments.ods"
    with zipfile.ZipFile(path, "w") as packed:
        packed.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        packed.writestr("META-INF/manifest.xml", MANIFEST)
        packed.writestr("content.xml", content)
    assert [row[:3] for row in loaded(warehouse, path)] == [("7", "C1", datetime(2026, 3, 1))]


def test_a_damaged_workbook_is_refused(warehouse: Warehouse, tmp_path: Path) -> None:
    whole = workbook(tmp_path / "whole.xlsx", {"Sheet1": PAYMENTS}).read_bytes()
    path = tmp_path / "payments.xlsx"
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ContractBroken, match="cannot be read"):
        loaded(warehouse, path)
