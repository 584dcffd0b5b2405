"""The table of how files are read in docs/sources.md says what a load does: a file for each of its rows."""

from __future__ import annotations

import gzip
import io
import re
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import xlsxwriter

from churn.config import SourceSettings
from churn.errors import ContractBroken
from churn.warehouse import open_warehouse
from churn.warehouse.loading.ingest import ingest
from tests import ROOT

pytestmark = pytest.mark.slow

PAGE = (ROOT / "docs" / "sources.md").read_text(encoding="utf-8")
SUBSCRIPTIONS = "subscription_id,customer_id,started_at,ended_at\n" + "".join(
    f"{n},{n},2025-01-01,\n" for n in range(8)
)
HEADER, ROWS = "customer_id,city,plan\n", "1,x,p\n2,y,p\n3,z,p\n"
LINES = (HEADER + ROWS).splitlines()


@dataclass(frozen=True)
class Shown:
    """A file that the row is about: how many rows and rejects it gives, or that it is refused, plainly and by an option."""

    content: str | bytes
    gives: tuple[int, int] | None = None
    options: dict[str, Any] = field(default_factory=dict)
    gives_then: tuple[int, int] | None = None
    name: str = "f.csv"
    before: str = ""
    table: str = "customers"
    settings: dict[str, Any] = field(default_factory=dict)


def book(**sheets: list[str]) -> bytes:
    """Return a workbook whose sheets hold these lines, parted by commas."""
    content = io.BytesIO()
    workbook = xlsxwriter.Workbook(content)
    for name, lines in sheets.items():
        sheet = workbook.add_worksheet(name)
        for row, line in enumerate(lines):
            sheet.write_row(row, 0, line.split(","))
    workbook.close()
    return content.getvalue()


JSON_ROWS = '[{"customer_id":"1","items":{"data":[{"price":{"id":"p"}}]}},{"customer_id":"2"}]'
SHOWN = {
    "CSV: its quote": Shown(HEADER + "1,'a,b',p\n", None, {"quote": "'"}, (1, 0)),
    "CSV: its delimiter": Shown((HEADER + ROWS).replace(",", "^"), None, {"delim": "^"}, (3, 0)),
    "CSV: its first line": Shown("Customers\n" + HEADER + ROWS, None, {"skip": 1}, (3, 0)),
    "CSV: a name twice over different values": Shown(
        "customer_id,city,city\n1,x,y\n",
        None,
        {"skip": 1, "header": False, "names": ["customer_id", "city", "other"]},
        (1, 0),
    ),
    "CSV: a name twice over the same values": Shown("customer_id,city,city\n1,x,x\n", (1, 0)),
    "CSV: a name in two spellings, `City` and `city`": Shown(
        "customer_id,City,city\n1,x,y\n",
        None,
        {"skip": 1, "header": False, "names": ["customer_id", "city", "other"]},
        (1, 0),
    ),
    "CSV: line ends": Shown("customer_id,city\r\n1,x\n2,c\r3,d\n", (3, 0)),
    "CSV: a line of too many or too few values": Shown(HEADER + ROWS + "4,x\n(3 rows)\n5,a,b,c\n", (3, 3)),
    "CSV: a delimiter behind each row, and behind the header": Shown((HEADER + ROWS).replace("\n", ",\n"), (3, 0)),
    "CSV: comments": Shown(HEADER + ROWS + "# end\n", (3, 1), {"comment": "#"}, (3, 0)),
    "CSV: a quote that is never closed, a value that holds whole lines": Shown(HEADER + '1,"x,p\n2,y,p\n3,z,p\n'),
    "CSV: its records, counted apart from the parser": Shown(HEADER + ROWS + "\n\n4,x,p\n", (4, 0)),
    "that is no text, by a name that says so (gzip, a workbook, Parquet)": Shown(
        gzip.compress((HEADER + ROWS).encode()), None, {"compression": "gzip"}, (3, 0)
    ),
    "its encoding": Shown((HEADER + "1,Köln,p\n").encode("cp1252"), None, {"encoding": "cp1252"}, (1, 0)),
    "a workbook (xlsx, xlsm, xlsb, xls, ods): its sheet": Shown(
        book(A=LINES, B=LINES[:1]), None, {"sheet": "A"}, (3, 0), name="f.xlsx"
    ),
    "a workbook: its first line": Shown(book(A=["Customers", *LINES]), None, {"skip": 1}, (3, 0), name="f.xlsx"),
    "a workbook: its cells": Shown(book(A=LINES), (3, 0), name="f.xlsx"),
    "gz": Shown(gzip.compress(HEADER.encode()) + gzip.compress(ROWS.encode()), (3, 0), name="f.csv.gz"),
    "JSON: objects": Shown(
        '{"data": [{"customer_id": "1"}]}', None, {}, (1, 0), name="f.json", settings={"rows_at": "data"}
    ),
    "JSON: an object or a list where a value should be": Shown(
        '[{"customer_id": {"$oid": "1"}}]',
        None,
        {},
        (1, 0),
        name="f.json",
        settings={"columns": {"customer_id": "customer_id['$oid']"}},
    ),
    "JSON: a value below others": Shown(
        JSON_ROWS, (2, 0), {}, (2, 0), name="f.json", settings={"columns": {"plan": "items.data[1].price.id"}}
    ),
    "JSON: a key that a row lacks": Shown(JSON_ROWS, (2, 0), name="f.json"),
    "JSON: a key twice in an object, also in two spellings": Shown(
        '[{"customer_id":"1","customer_id":"2"}]', name="f.json"
    ),
    "without a column of ours that earlier files of the source had values in, or of customers and subscriptions with that column"
    " empty in each of 100 rows or more": Shown(
        HEADER + ROWS,
        None,
        {},
        (3, 0),
        before="customer_id,signed_up_at,city,plan\n1,2025-01-01,x,p\n",
        settings={"columns": {"signed_up_at": "null"}},
    ),
    "with rows that a column marks as deleted": Shown(
        "customer_id,deleted_at\n1,\n2,2026-02-03\n3,\n", None, {}, (2, 0), settings={"where": "deleted_at is null"}
    ),
    "without rows": Shown(HEADER),
    "again, without three subscriptions or more that had ended, and hardly any that run missing: a source that deletes who has left would teach models from who stayed": Shown(
        SUBSCRIPTIONS,
        None,
        {},
        (8, 0),
        before=SUBSCRIPTIONS + "".join(f"{n},{n},2025-01-01,2025-03-01\n" for n in range(20, 26)),
        settings={"keep_gone": False},
        table="subscriptions",
    ),
    "again, with half its rows missing": Shown(
        HEADER + ROWS,
        None,
        {},
        (3, 0),
        before=HEADER + "".join(f"{n},x,p\n" for n in range(200)),
        settings={"most_shrink": 1},
    ),
    "with more rejected rows than others": Shown(HEADER + "1,x,p\n,y,p\n,z,p\n"),
}


def rows_of_the_page() -> list[tuple[str, str]]:
    section = PAGE.split("## How files are read")[1].split("\n## ")[0]
    cells = [
        [cell.strip() for cell in re.split(r"(?<!`)\|(?!`)", line.strip("|"))]
        for line in section.splitlines()
        if line.startswith("|")
    ]
    return [(row[0], row[1]) for row in cells[2:]]


def load(shown: Shown, folder: Path, *, declared: bool) -> tuple[int, int]:
    path = folder / shown.name
    settings: dict[str, Any] = {"path": str(path)}
    if declared:
        settings |= {"options": shown.options, **shown.settings}
    source = SourceSettings.model_validate(settings)
    with open_warehouse(None, holder="test") as warehouse:
        for number, content in enumerate([shown.before, shown.content]):
            if content:
                path.write_bytes(content.encode() if isinstance(content, str) else content)
                (result,) = ingest(warehouse, {shown.table: source}, now=datetime(2026, 3, 1 + number))
    return result.rows, result.rejected


def test_every_row_of_the_page_is_shown_and_no_other() -> None:
    assert [name for name, _ in rows_of_the_page()] == list(SHOWN)


@pytest.mark.parametrize(("name", "becomes"), rows_of_the_page())
def test_a_file_is_read_as_the_page_says(name: str, becomes: str, tmp_path: Path) -> None:
    shown = SHOWN[name]
    if shown.gives is None:
        with pytest.raises(ContractBroken):
            load(shown, tmp_path, declared=False)
    else:
        assert load(shown, tmp_path, declared=False) == shown.gives
    assert "refused" not in becomes or shown.gives is None or name.startswith(("gz", "CSV: its records"))
    if shown.gives_then is not None:
        assert load(shown, tmp_path, declared=True) == shown.gives_then
