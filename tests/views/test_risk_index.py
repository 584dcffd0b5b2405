"""The risk list in memory: what it filters, sorts and pages must be what a plain look through all rows gives."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from churn.decisions.bands import BANDS
from churn.errors import ConfigError
from churn.views.risk_index import ORDERS, Filters, RiskIndex, RiskIndexes
from churn.views.serving_files import LIST, SEARCH, run_path
from churn.workflows.privacy.files import erase_from_file

_NUMBERS = st.sampled_from([-5.0, 0.0, 0.25, 0.5, 1.0])
_ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "customer_id": st.text(min_size=1, max_size=4, alphabet="aAb=/é\u202e<"),
            "churn_probability": st.sampled_from([0.0, 0.25, 0.5, 1.0]),
            "risk_band": st.sampled_from(BANDS),
            "expected_profit": _NUMBERS,
            "change": st.none() | _NUMBERS,
            "monthly_margin": _NUMBERS,
            "plan": st.none() | st.sampled_from(["basic", "premium"]),
            "is_listed": st.booleans(),
        }
    ),
    max_size=30,
    unique_by=lambda row: row["customer_id"],
)
_FILTERS = st.builds(
    Filters,
    bands=st.none() | st.lists(st.sampled_from(BANDS), unique=True).map(tuple),
    min_probability=st.none() | st.sampled_from([0.25, 0.5]),
    plan=st.none() | st.sampled_from(["basic", "unknown"]),
    is_listed=st.none() | st.booleans(),
    search=st.sampled_from(["", "a", "A", "é", "("]),
)
_SCHEMA = {
    "customer_id": pl.String,
    "churn_probability": pl.Float64,
    "risk_band": pl.String,
    "expected_profit": pl.Float64,
    "change": pl.Float64,
    "monthly_margin": pl.Float64,
    "plan": pl.String,
    "is_listed": pl.Boolean,
}


def index_of(rows: list[dict[str, object]]) -> RiskIndex:
    return RiskIndex("run", pl.DataFrame(rows, schema=_SCHEMA).sort("customer_id"))


def plainly(rows: list[dict], filters: Filters, order: str, *, descending: bool) -> list[str]:
    kept = [
        row
        for row in rows
        if (filters.bands is None or row["risk_band"] in filters.bands)
        and (filters.min_probability is None or row["churn_probability"] >= filters.min_probability)
        and (filters.plan is None or row["plan"] == filters.plan)
        and (filters.is_listed is None or row["is_listed"] == filters.is_listed)
        and filters.search.lower() in row["customer_id"].lower()
    ]
    kept.sort(key=lambda row: row["customer_id"].encode(), reverse=descending and order == "customer_id")
    if order != "customer_id":
        sign = -1 if descending else 1
        kept.sort(key=lambda row: (row[order] is None, 0 if row[order] is None else sign * row[order]))
    return [row["customer_id"] for row in kept]


@given(rows=_ROWS, filters=_FILTERS, order=st.sampled_from(ORDERS), descending=st.booleans(), limit=st.integers(1, 7))
def test_walking_forwards_and_back_gives_what_a_plain_look_gives(rows, filters, order, descending, limit):
    index = index_of(rows)
    expected = plainly(rows, filters, order, descending=descending)
    way = {"order": order, "descending": descending, "limit": limit}
    cut = index.find(filters, **way)
    pages = [cut.customer_ids]
    while cut.has_after:
        cut = index.find(filters, after=cut.customer_ids[-1], **way)
        pages.append(cut.customer_ids)
    assert [one for page in pages for one in page] == expected
    assert cut.total == len(expected)
    back = [pages[-1]]
    while cut.has_before:
        cut = index.find(filters, before=cut.customer_ids[0], **way)
        back.insert(0, cut.customer_ids)
    assert [one for page in back for one in page] == expected


def test_a_customer_who_matches_no_longer_still_marks_the_place(tmp_path):
    rows = [
        {**dict.fromkeys(_SCHEMA), "customer_id": name, "churn_probability": p, "risk_band": "high", "plan": plan}
        | {"expected_profit": 0.0, "monthly_margin": 1.0, "is_listed": True}
        for name, p, plan in (("a", 0.9, "x"), ("b", 0.8, "y"), ("c", 0.7, "x"))
    ]
    index = index_of(rows)
    assert index.find(Filters(plan="x"), order="churn_probability", after="b").customer_ids == ["c"]
    assert index.find(Filters(plan="x"), order="churn_probability", before="b").customer_ids == ["a"]
    assert index.find(Filters(), order="customer_id", descending=False, after="bb").customer_ids == ["c"]


def test_what_is_no_band_and_no_order_is_refused():
    with pytest.raises(ConfigError, match="no band"):
        index_of([]).find(Filters(bands=("dire",)))
    with pytest.raises(ConfigError, match="no order"):
        index_of([]).find(Filters(), order="raw_score")  # type: ignore[arg-type]  # what a caller must not say


def test_an_index_is_read_once_per_run_and_from_the_store_where_there_is_no_file():
    class Store:
        reads = 0

        @property
        def scores(self):
            return self

        def current(self, columns):
            Store.reads += 1
            return pl.DataFrame(schema=_SCHEMA).select(columns)

    indexes = RiskIndexes(Path("/nonexistent"))
    first = indexes.of(Store(), "one")
    assert indexes.of(Store(), "one") is first
    assert indexes.of(Store(), "two") is not first
    assert Store.reads == 2


def test_customers_are_found_by_words_beside_their_id_and_no_more_once_they_are_erased(tmp_path: Path) -> None:
    folder = run_path(tmp_path, "r1")
    folder.mkdir(parents=True)
    rows = [
        {**dict.fromkeys(_SCHEMA), "customer_id": name, "churn_probability": 0.5, "risk_band": "high"}
        | {"expected_profit": 0.0, "monthly_margin": 1.0, "is_listed": True}
        for name in ("C1", "C2", "C3")
    ]
    pl.DataFrame(rows, schema=_SCHEMA).write_parquet(folder / LIST)
    words = {"customer_id": ["C1", "C3"], "words": ["ann@company.example ann smith", "bob@company.example bob smith"]}
    pl.DataFrame(words).write_parquet(folder / SEARCH)
    indexes = RiskIndexes(tmp_path)

    def find(search: str) -> list[str]:
        index = indexes.of(None, "r1")  # type: ignore[arg-type]  # the files are there: the store is not asked
        return index.find(Filters(search=search), order="customer_id", descending=False).customer_ids

    assert (find("smith"), find("Smith ANN"), find("c2"), find("ann@")) == (["C1", "C3"], ["C1"], ["C2"], ["C1"])
    assert find("smith c2") == []
    for name in (LIST, SEARCH):
        erase_from_file(folder / name, "C1")
    assert (find("smith"), find("ann"), find("c1")) == (["C3"], [], [])
