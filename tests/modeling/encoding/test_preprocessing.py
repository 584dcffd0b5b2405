from __future__ import annotations

import json
from dataclasses import asdict
from datetime import date, datetime

import numpy as np
import polars as pl
import pytest
from pydantic import TypeAdapter
from scipy import stats

from churn.errors import ModelError
from churn.modeling.encoding.columns_of import yeo_johnson, yeo_johnson_power
from churn.modeling.encoding.encoder import LINEAR, SMOOTH, TREES, Encoder, LearningRows, fit_encoder
from tests.modeling.made_up import customers

ROWS = 400


def rows_of(seed: int = 0, **columns: object) -> LearningRows:
    frame = pl.DataFrame(columns, strict=False)
    rng = np.random.default_rng(seed)
    y = (rng.random(frame.height) < 0.3).astype(np.float64)
    return LearningRows(frame, y, np.ones(frame.height), np.arange(frame.height))


def encode(rows: LearningRows, recipe=TREES):
    return fit_encoder(rows, rows.frame.columns, recipe, seed=1)


def test_a_missing_number_becomes_the_median_and_is_flagged():
    values = [float(v) for v in range(ROWS - 50)] + [None] * 50
    encoder, matrix = encode(rows_of(x=values))
    assert encoder.encoded_names == ("x", "x is missing")
    assert matrix[-1].tolist() == [pytest.approx((ROWS - 51) / 2), 1.0]
    assert matrix[0].tolist() == [0.0, 0.0]


def test_infinite_values_count_as_missing():
    encoder, matrix = encode(rows_of(x=[1.0, 2.0, 3.0] * 100 + [float("inf"), float("-inf"), float("nan")] * 10))
    assert np.isfinite(matrix).all()
    assert matrix[-3:, 1].tolist() == [1.0, 1.0, 1.0]
    assert np.isfinite(encoder.transform(pl.DataFrame({"x": [float("inf")]}))).all()


def test_features_that_are_missing_together_share_one_flag():
    gone = [None] * 60
    rows = rows_of(a=[1.0, 2.0] * 170 + gone, b=[3.0, 5.0] * 170 + gone)
    assert encode(rows)[0].encoded_names == ("a", "a is missing", "b")


def test_rare_and_unseen_categories_are_grouped_as_other():
    plans = ["basic"] * 250 + ["plus"] * 100 + [f"rare {i % 10}" for i in range(50)]
    encoder, matrix = encode(rows_of(plan=plans))
    assert encoder.encoded_names == ("plan = basic", "plan = plus", "plan = Other")
    assert matrix[-1].tolist() == [0.0, 0.0, 1.0]
    unseen = encoder.transform(pl.DataFrame({"plan": ["never heard of", None, "plus"]}))
    assert unseen.tolist() == [[0.0, 0.0, 1.0], [0.0, 0.0, 1.0], [0.0, 1.0, 0.0]]


def test_two_categories_need_one_column():
    encoder, _ = encode(rows_of(consent=["yes", "no", "yes", "yes"] * 100))
    assert encoder.encoded_names == ("consent = no",)


def test_many_categories_become_the_churn_seen_in_each():
    rng = np.random.default_rng(3)
    city = rng.integers(0, 20, 4000)
    y = (rng.random(4000) < np.where(city < 10, 0.1, 0.5)).astype(np.float64)
    rows = LearningRows(pl.DataFrame({"city": [f"c{i}" for i in city]}), y, np.ones(4000), np.arange(4000))
    encoder, matrix = encode(rows)
    assert encoder.encoded_names == ("city (churn seen there)",)
    assert matrix[city < 10].max() < matrix[city >= 10].min()
    prior = encoder.transform(pl.DataFrame({"city": ["elsewhere"]}))[0, 0]
    assert prior == pytest.approx(np.log(y.mean() / (1 - y.mean())), abs=1e-5)


def test_a_target_encoded_training_row_never_sees_its_own_customers_outcome():
    rng = np.random.default_rng(11)
    customer = np.repeat(np.arange(1000), 4)
    city = rng.integers(0, 40, 1000)
    rate = np.where(city < 20, 0.15, 0.45)
    y = (rng.random(1000) < rate).astype(np.float64)[customer]  # a customer's rows share one outcome
    city, rate = city[customer], rate[customer]
    rows = LearningRows(pl.DataFrame({"city": [f"c{i}" for i in city]}), y, np.ones(4000), customer)
    _, matrix = encode(rows)
    naive = np.array([y[city == c].mean() for c in range(40)])[city]
    for is_high in (False, True):  # among cities of one rate, all that differs is whose outcomes are counted
        own = (rate > 0.3) == is_high
        assert np.corrcoef(naive[own], y[own])[0, 1] > 0.15
        assert np.corrcoef(matrix[own, 0], y[own])[0, 1] < 0.05


def test_many_categories_that_tell_nothing_of_other_customers_are_left_out():
    rng = np.random.default_rng(4)
    y = (rng.random(ROWS) < 0.3).astype(np.float64)
    frame = pl.DataFrame({"city": [f"c{i}" for i in rng.integers(0, 20, ROWS)], "x": y})
    encoder, _ = encode(LearningRows(frame, y, np.ones(ROWS), np.arange(ROWS)))
    assert encoder.unused == ("city",)


def test_an_identifier_a_constant_and_an_unknown_feature_are_not_used():
    rows = rows_of(
        account=[f"id {i}" for i in range(ROWS)],
        same=[3.0] * ROWS,
        never=[None] * ROWS,
        one=["a"] * ROWS,
        x=range(ROWS),
    )
    encoder, matrix = encode(rows)
    assert encoder.unused == ("account", "same", "never", "one")
    assert matrix.shape == (ROWS, 1)
    assert encoder.features[encoder.group_of[0]] == "x"


def test_nothing_that_differs_between_customers_is_an_error():
    with pytest.raises(ModelError, match="no feature differs"):
        encode(rows_of(same=[1.0] * ROWS))


def test_a_feature_absent_at_scoring_is_named():
    encoder, _ = encode(rows_of(x=range(ROWS), usage=range(ROWS)))
    with pytest.raises(ModelError, match="lack feature `usage`"):
        encoder.transform(pl.DataFrame({"x": [1.0]}))


def test_text_where_a_number_was_is_named_with_an_example():
    encoder, _ = encode(rows_of(x=range(ROWS)))
    with pytest.raises(ModelError, match="`x` was a number in training and now holds text such as 'many'"):
        encoder.transform(pl.DataFrame({"x": ["many", "few", "3"]}))


def test_text_that_is_nearly_all_numbers_is_read_as_numbers():
    encoder, matrix = encode(rows_of(total=[f" {i}.5" for i in range(ROWS - 5)] + [" "] * 5))
    assert encoder.encoded_names == ("total",)
    assert matrix[3, 0] == 3.5


def test_a_list_is_refused_with_a_remedy():
    with pytest.raises(ModelError, match="exclude_features"):
        encode(rows_of(tags=[["a"], ["b"]] * 200))


def test_dates_become_days_before_the_snapshot():
    rows = rows_of(
        snapshot_date=[date(2025, 3, 1)] * ROWS,
        signed_up=[datetime(2025, 1, 1 + i % 28, 12) for i in range(ROWS)],
    )
    encoder, matrix = fit_encoder(rows, ["signed_up"], TREES, seed=1)
    assert matrix[0, 0] == pytest.approx(58.5)
    assert encoder.features == ("signed_up",)


def test_smooth_columns_are_scaled_and_outliers_are_clipped():
    rng = np.random.default_rng(5)
    rows = rows_of(money=rng.lognormal(3, 1, 2000))
    encoder, matrix = encode(rows, SMOOTH)
    assert abs(matrix.mean()) < 0.05
    assert matrix.std() == pytest.approx(1.0, abs=0.05)
    assert abs(stats.skew(matrix[:, 0])) < 0.3
    assert np.abs(encoder.transform(pl.DataFrame({"money": [1e300, -1e300]}))).max() <= 6.0


def test_the_power_transform_agrees_with_scipy():
    values = np.concatenate([np.random.default_rng(6).gamma(2.0, 2.0, 500) - 1.0, [0.0]])
    for power in (-1.0, 0.0, 0.5, 2.0, 3.0):
        assert yeo_johnson(values, power) == pytest.approx(stats.yeojohnson(values, lmbda=power), rel=1e-9, abs=1e-12)
    assert yeo_johnson_power(np.sort(values)) == pytest.approx(stats.yeojohnson_normmax(values), abs=0.02)


@pytest.mark.parametrize("recipe", [LINEAR, SMOOTH, TREES], ids=lambda r: r.name)
def test_the_encoder_survives_json(recipe):
    frame = customers(count=200, dates=3)
    features = [c for c in frame.columns if c not in {"customer_id", "snapshot_date", "has_churned", "is_treated"}]
    y = frame["has_churned"].cast(pl.Float64).to_numpy()
    rows = LearningRows(frame, y, np.ones(frame.height), np.tile(np.arange(200), 3))
    encoder, _ = fit_encoder(rows, features, recipe, seed=1)
    again = TypeAdapter(Encoder).validate_python(json.loads(json.dumps(asdict(encoder))))
    assert again.encoded_names == encoder.encoded_names
    assert np.array_equal(again.transform(frame), encoder.transform(frame))
    assert encoder.transform(frame).dtype == np.float32
    assert len(encoder.group_of) == len(encoder.encoded_names)


def test_five_hundred_columns_are_encoded():
    rng = np.random.default_rng(7)
    rows = rows_of(**{f"x{i}": rng.normal(size=300) for i in range(500)})
    assert encode(rows, SMOOTH)[1].shape == (300, 500)


def test_a_linear_model_sees_a_skewed_number_both_ways_and_a_straight_one_once():
    rng = np.random.default_rng(8)
    encoder, matrix = encode(rows_of(money=rng.lognormal(3, 1, 2000), score=rng.normal(size=2000)), LINEAR)
    assert encoder.encoded_names == ("money", "money (as is)", "score")
    assert encoder.group_of.tolist() == [0, 0, 1]
    assert matrix.std(axis=0) == pytest.approx(np.ones(3), abs=0.1)
