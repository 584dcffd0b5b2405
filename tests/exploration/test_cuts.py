from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from churn.errors import ConfigError
from churn.exploration.conditions import Condition
from churn.exploration.cuts import best_cuts
from churn.exploration.encoding import Encoded, encode
from churn.warehouse import FeatureDoc, open_warehouse
from churn.warehouse.models.filters import audience_filter


def column(values, name="support_tickets_90d", phrase="{} support tickets in 90 days", kind=None) -> Encoded:
    series = pl.Series(name, values, dtype=kind)
    return encode(FeatureDoc(name, "support", "", phrase=phrase), series, np.arange(series.len()), series.len())


def counts(encoded: Encoded, left: np.ndarray) -> np.ndarray:
    return np.stack([np.bincount(encoded.codes[left == side], minlength=encoded.size) for side in (0, 1)], axis=1)


def world(rng, values, rate):
    return (rng.random(len(values)) < rate).astype(int)


def test_a_step_in_churn_is_found_where_it_is() -> None:
    rng = np.random.default_rng(3)
    tickets = rng.poisson(1.2, 30_000)
    found = column(tickets)
    (cut,) = best_cuts(found, counts(found, world(rng, tickets, np.where(tickets > 3, 0.2, 0.06))))
    assert cut.condition.sql == "support_tickets_90d > 3"
    assert cut.condition.words == "more than 3 support tickets in 90 days"
    assert cut.lift == pytest.approx(0.2 / 0.06, rel=0.15)


def test_days_are_cut_at_whole_weeks_where_these_divide_as_well() -> None:
    rng = np.random.default_rng(4)
    days = rng.exponential(9, 30_000).astype(int)
    found = column(days, "days_since_last_login", "no login for {} days")
    (cut,) = best_cuts(found, counts(found, world(rng, days, np.interp(days, [7, 18], [0.03, 0.25]))))
    assert cut.condition.sql == "days_since_last_login >= 14"
    assert cut.condition.words == "no login for 14 days or more"


def test_a_hump_is_told_as_an_interval() -> None:
    rng = np.random.default_rng(5)
    months = rng.integers(0, 40, 40_000)
    found = column(months, "months", "customer for {} months")
    (cut,) = best_cuts(found, counts(found, world(rng, months, np.where((months > 10) & (months < 14), 0.3, 0.05))))
    assert cut.condition.sql == "months >= 11 and months < 14"
    assert cut.condition.words == "customer for 11 to 13 months"


def test_where_nothing_divides_nothing_is_found() -> None:
    rng = np.random.default_rng(6)
    values = rng.normal(size=20_000)
    found = column(values, "noise", None)
    assert all(cut.chi_square < 30 for cut in best_cuts(found, counts(found, world(rng, values, 0.08))))


@pytest.mark.parametrize(
    ("values", "kind", "name"),
    [
        ([0, 1, 2, 3, None, 7, 7, 12], pl.Int64, "tickets"),
        ([0.5, 1.25, None, 3.75, 99.0, -2.0, 0.0, 8.125], pl.Float64, "spend"),
        ([True, False, None, True, False, True, True, False], pl.Boolean, "has_unpaid_bill"),
        (
            ["O'Brien", "Fiber optic", None, 'a "b"', "x; y", "Fiber optic", "plan", "x; y"],
            pl.String,
            "Internet Service",
        ),
    ],
)
def test_the_sql_of_every_condition_covers_the_rows_it_says_and_passes_as_a_filter(values, kind, name) -> None:
    encoded = column(values, name, None, kind)
    with open_warehouse(None, holder="test") as warehouse:
        warehouse.write("t.rows", pl.DataFrame({"n": range(len(values)), name: pl.Series(values, dtype=kind)}))
        top = encoded.size - 1
        runs = (
            [(i, i) for i in range(len(encoded.levels) + 1)]
            if encoded.kind == "text"
            else [(0, 0), (1, 1), (2, 2)]
            if encoded.kind == "flag"
            else [(0, 0), *((1, j) for j in range(1, top)), *((i, top) for i in range(2, top + 1)), (2, 2)]
        )
        for run in runs:
            condition = Condition(encoded, *run)
            checked = audience_filter(condition.sql, {name}, where="test")
            found = warehouse.rows(f"select n from t.rows where {checked.sql} order by n")
            assert [n for (n,) in found] == np.flatnonzero(condition.covers(slice(None))).tolist(), condition.sql
            assert condition.words


def test_a_filter_on_another_feature_is_still_refused() -> None:
    with pytest.raises(ConfigError, match="no feature"):
        audience_filter('"Contract" = 1', {"tenure"}, where="test")
