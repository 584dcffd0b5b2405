"""What people find customers by is the newest of the columns that are named, in small letters, and nothing where none is."""

from __future__ import annotations

import json
from dataclasses import replace

import polars as pl

from churn.workflows.score.search_words import search_words
from tests.workflows.plan.town import Town, customer


def test_the_newest_values_of_the_columns_named_and_a_note_of_one_that_there_is_not(town: Town) -> None:
    ids = pl.Series("customer_id", [customer(number) for number in (1, 2)])
    with town.context.open_warehouse("test") as warehouse:
        assert search_words(town.context, warehouse, ids) is None, "nothing is named"
        warehouse.execute("create or replace table staging.customers as select * from staging.customers")
        columns = warehouse.columns("staging.customers")
        assert {"email", "city"} <= columns.keys()
        one, two = ids
        warehouse.execute(
            f"update staging.customers set email = 'Ann@Company.Example', city = 'Graz' where customer_id = '{one}'"
        )
        warehouse.execute(f"update staging.customers set email = null, city = null where customer_id = '{two}'")
        api = town.context.settings.api.model_copy(update={"search_by": ["email", "city", "nickname"]})
        context = replace(town.context, settings=town.context.settings.model_copy(update={"api": api}))
        words = search_words(context, warehouse, ids)
    assert words is not None
    assert words.rows() == [(one, "ann@company.example graz")]
    log = (town.home / "churn.log").read_text(encoding="utf-8") if (town.home / "churn.log").exists() else ""
    assert not log or "ann@" not in log
    assert not log or json.loads(log.splitlines()[-1]).get("columns") in (["nickname"], None)
