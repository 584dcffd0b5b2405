from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
import polars as pl
import pytest

from churn.config import ResourceSettings
from churn.store.score_row import LIFETIME_COLUMNS
from churn.warehouse.opening import open_warehouse
from churn.workflows.score.history import CONTRIBUTIONS, SCORES, read_previous, write_history

FIRST, SECOND, THIRD = date(2026, 1, 1), date(2026, 1, 8), date(2026, 1, 15)


@dataclass
class Points:
    probability_points: np.ndarray


@pytest.fixture
def warehouse():
    with open_warehouse(None, holder="test", resources=ResourceSettings()) as opened:
        yield opened


def listed(customers: dict[str, float]) -> pl.DataFrame:
    p = np.asarray(list(customers.values()))
    return pl.DataFrame(
        {
            "customer_id": list(customers),
            "churn_probability": p,
            "raw_score": p,
            "risk_band": ["high" if x >= 0.2 else "low" for x in p],
            "percentile": np.arange(1, p.size + 1),
            "expected_profit": p,
            "is_listed": p >= 0.2,
            "reasons": ["[]"] * p.size,
        }
    ).with_columns(
        pl.lit(None, dtype=pl.Float64).alias(name) for name in ("involuntary_probability", *LIFETIME_COLUMNS)
    )


def write(warehouse, day, customers, *, version="v1", features=("a", "b")):
    points = Points(np.zeros((len(customers), len(features)), dtype=np.float32))
    write_history(
        warehouse, listed(customers), points, day=day, version=version, run_id=str(day), features=list(features)
    )


def previous(warehouse, day, customers, version="v1"):
    return read_previous(warehouse, day, pl.Series("customer_id", customers, dtype=pl.String), version)


def test_before_the_first_run_nothing_is_known(warehouse):
    found = previous(warehouse, FIRST, ["a"])
    assert found.bands.tolist() == [-1]
    assert found.turnover(listed({"a": 0.5})) is None


def test_the_run_before_a_date_is_the_newest_earlier_one(warehouse):
    write(warehouse, FIRST, {"a": 0.1})
    write(warehouse, SECOND, {"a": 0.5})
    write(warehouse, THIRD, {"a": 0.9})
    assert previous(warehouse, THIRD, ["a"]).churn_probability.tolist() == [0.5]


def test_customers_unknown_to_the_run_before_have_no_band(warehouse):
    write(warehouse, FIRST, {"a": 0.5})
    found = previous(warehouse, SECOND, ["b", "a"])
    assert found.bands.tolist() == [-1, 2]
    assert np.isnan(found.churn_probability[0])


def test_reasons_are_kept_of_those_listed_only(warehouse):
    write(warehouse, FIRST, {"a": 0.5, "b": 0.1})
    assert warehouse.rows(f"select customer_id, reasons from {SCORES} order by 1") == [("a", "[]"), ("b", None)]


def test_turnover_is_the_share_of_the_old_list_that_left(warehouse):
    write(warehouse, FIRST, {"a": 0.5, "b": 0.5, "c": 0.1})
    assert previous(warehouse, SECOND, ["a", "b", "c"]).turnover(listed({"a": 0.5, "b": 0.1, "c": 0.5})) == 0.5


def test_a_day_written_again_replaces_itself(warehouse):
    write(warehouse, FIRST, {"a": 0.5, "b": 0.5})
    write(warehouse, FIRST, {"a": 0.6})
    assert warehouse.rows(f"select customer_id, churn_probability from {SCORES}") == [("a", 0.6)]


def test_contributions_of_two_runs_are_kept(warehouse):
    for day in (FIRST, SECOND, THIRD):
        write(warehouse, day, {"a": 0.5})
    assert warehouse.rows(f"select count(distinct snapshot_date) from {CONTRIBUTIONS}") == [(2,)]


def test_another_models_features_start_the_contributions_anew(warehouse):
    write(warehouse, FIRST, {"a": 0.5})
    write(warehouse, SECOND, {"a": 0.5}, version="v2", features=("a", "c"))
    assert previous(warehouse, THIRD, ["a"], "v2").points.columns == ["customer_id", "a", "c"]
    assert previous(warehouse, THIRD, ["a"], "v1").points is None
