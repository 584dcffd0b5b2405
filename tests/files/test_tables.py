from __future__ import annotations

import csv
import io
import re
from pathlib import Path

import polars as pl
import pytest

from churn.errors import ConfigError
from churn.files import FORMULA_STARTS, csv_text, frame_csv, write_frame
from tests import ROOT

# These write CSV for a program, which would take the quote for a part of the value.
EXACT = {
    "churn/campaigns/customer_list.py",
    "churn/crm/connectors/file/connector.py",
    "churn/crm/connectors/salesforce/bulk.py",
    "churn/demo/writers.py",
    "churn/store/frames.py",
    "churn/store/score_lists.py",
    "churn/warehouse/published/postgres.py",
    "churn/warehouse/reading/workbooks.py",  # a copy that our own reader reads
}


@pytest.mark.parametrize("start", FORMULA_STARTS)
def test_text_that_a_spreadsheet_would_run_gets_a_quote_before_it(start: str) -> None:
    cell = f"{start}cmd|' /C calc'!A0"
    assert list(csv.reader(io.StringIO(frame_csv(pl.DataFrame({"customer_id": [cell]})), newline=""))) == [
        ["customer_id"],
        [f"'{cell}"],
    ]
    assert list(csv.reader(io.StringIO(csv_text([[cell]]), newline=""))) == [[f"'{cell}"]]


@pytest.mark.parametrize("kind", [pl.String, pl.Categorical, pl.Enum(["=1+1", "basic"])])
def test_texts_of_every_kind_and_names_of_columns_are_guarded(kind: pl.DataType) -> None:
    frame = pl.DataFrame({"=plan": pl.Series(["=1+1", "basic", None], dtype=pl.String).cast(kind)})
    assert frame_csv(frame) == "'=plan\n'=1+1\nbasic\n\n"


def test_plain_text_and_numbers_stay_as_they_are() -> None:
    frame = pl.DataFrame({"customer_id": ["C1", "", None], "change": [-0.1, 0.2, None]})
    assert frame_csv(frame) == frame.write_csv()
    assert csv_text([["C1", -0.1], ["", None]]) == "C1,-0.1\n,\n"


def test_a_frame_is_written_by_the_ending_of_the_file(tmp_path: Path) -> None:
    frame = pl.DataFrame({"customer_id": ["=1+1"]})
    assert pl.read_parquet(write_frame(tmp_path / "new" / "list.parquet", frame)).equals(frame)
    assert write_frame(tmp_path / "new" / "list.csv", frame).read_text() == "customer_id\n'=1+1\n"
    with pytest.raises(ConfigError, match=r"cannot write `.xls`\. Use .csv, .parquet or .xlsx"):
        write_frame(tmp_path / "list.xls", frame)


def test_nobody_else_writes_csv_for_people() -> None:
    writers = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "churn").rglob("*.py")
        if re.search(r"csv\.(Dict)?[Ww]riter|\.write_csv\(", path.read_text(encoding="utf-8"))
    }
    assert writers - {"churn/files/text_tables.py"} == EXACT
