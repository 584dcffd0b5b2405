from __future__ import annotations

import polars as pl
import pytest

from churn.views.risk_list import plain_reasons, without_formulas


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_text_that_a_spreadsheet_would_run_gets_a_quote_before_it(start):
    frame = without_formulas(pl.DataFrame({"customer_id": [f"{start}cmd|' /C calc'!A0"]}))
    assert frame["customer_id"][0].startswith("'")


def test_plain_text_and_numbers_stay_as_they_are():
    frame = pl.DataFrame({"customer_id": ["C1", "", None], "change": [-0.1, 0.2, None]})
    assert without_formulas(frame).equals(frame)


def test_reasons_are_written_as_sentences():
    frame = pl.DataFrame(
        {"reasons": ['[{"feature":"a","text":"no login for 3 days"},{"feature":"b","text":"new"}]', "[]"]}
    )
    assert frame.select(plain_reasons(pl.col("reasons")))["reasons"].to_list() == ["no login for 3 days; new", ""]
