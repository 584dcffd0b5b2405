from __future__ import annotations

import polars as pl

from churn.views.risk_list import plain_reasons


def test_reasons_are_written_as_sentences():
    frame = pl.DataFrame(
        {"reasons": ['[{"feature":"a","text":"no login for 3 days"},{"feature":"b","text":"new"}]', "[]"]}
    )
    assert frame.select(plain_reasons(pl.col("reasons")))["reasons"].to_list() == ["no login for 3 days; new", ""]
