"""Explanations of every kind of served model: they add up, to the score and to the probability."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from churn.errors import ModelError
from churn.modeling import explain
from churn.modeling.candidates import CANDIDATES
from churn.modeling.reasons.explain import probability_points
from tests.modeling.made_up import customers, train


@pytest.fixture(scope="module", params=[c.name for c in CANDIDATES])
def model(request):
    return train(customers(), candidates=[request.param], split="temporal").model


@pytest.fixture(scope="module")
def frame():
    return customers(count=150, dates=2, seed=9)


@pytest.fixture(scope="module")
def explanation(model, frame):
    return explain(model, frame)


def test_contributions_add_up_to_the_served_raw_score(model, frame, explanation):
    total = explanation.contributions.sum(axis=1, dtype=np.float64) + explanation.base_score
    assert np.abs(total - model.predict(frame).raw_score).max() < 2e-5


def test_points_add_up_to_the_served_probability(model, frame, explanation):
    total = explanation.probability_points.sum(axis=1, dtype=np.float64) + explanation.base_probability
    assert np.abs(total - model.predict(frame).churn_probability).max() < 1e-5
    assert np.array_equal(explanation.churn_probability, model.predict(frame).churn_probability)


def test_there_is_one_column_per_feature_whatever_its_encoding(model, frame, explanation):
    assert len(model.encoded_names) > len(model.feature_names)
    assert explanation.feature_names == tuple(model.feature_names)
    assert explanation.contributions.shape == (frame.height, len(model.feature_names))
    assert explanation.contributions.dtype == np.float32


def test_only_a_network_is_explained_approximately(model, explanation):
    assert explanation.method == ("approximate" if model.kind == "mlp" else "exact")


def test_points_have_the_sign_of_the_contribution(explanation):
    assert (explanation.probability_points * explanation.contributions >= 0).all()


def test_what_drives_churn_comes_out_on_top(frame, explanation):
    size = np.abs(explanation.contributions).mean(axis=0)
    order = [explanation.feature_names[i] for i in np.argsort(-size)]
    assert set(order[:3]) == {"days_since_last_login", "number_of_payment_failures_60d", "average_weekly_usage"}
    silent = frame["days_since_last_login"].fill_null(0).to_numpy() > 40
    gain = explanation.contributions[:, explanation.feature_names.index("days_since_last_login")]
    assert gain[silent].mean() > gain[~silent].mean() + 0.05


def test_a_second_explanation_has_the_same_bytes(model, frame, explanation):
    again = explain(model, frame)
    assert again.contributions.tobytes() == explanation.contributions.tobytes()
    assert again.probability_points.tobytes() == explanation.probability_points.tobytes()


def test_one_customer_is_explained_as_among_many(model, frame, explanation):
    alone = explain(model, frame.slice(7, 1))
    assert alone.contributions[0] == pytest.approx(explanation.contributions[7], abs=1e-5)


def test_nobody_is_explained_as_nobody(model, frame):
    empty = explain(model, frame.clear())
    assert empty.contributions.shape == (0, len(model.feature_names))
    assert empty.churn_probability.shape == (0,)


def test_a_missing_feature_is_named(model, frame):
    with pytest.raises(ModelError, match="days_since_last_login"):
        explain(model, frame.drop("days_since_last_login"))


def test_a_linear_models_contribution_is_coefficient_times_distance_from_the_mean(frame):
    model = train(customers(), candidates=["logistic_regression"], split="temporal").model
    encoded = model.matrix(frame).astype(float)
    single = (encoded - model.background.mean(axis=0)) * model.estimator.coef_[0]
    found = explain(model, frame).contributions
    for place in range(len(model.feature_names)):
        assert found[:, place] == pytest.approx(single[:, model.group_of == place].sum(axis=1), abs=1e-5)


def step(raw):
    return np.where(np.asarray(raw) > 0, 0.3, 0.1)


def logistic(raw):
    return 1 / (1 + np.exp(-np.asarray(raw)))


def points_of(contributions, curve, base):
    raw = base + contributions.sum(axis=1, dtype=np.float64)
    return probability_points(curve, contributions, raw, base)


def test_points_stay_bounded_where_the_score_is_close_to_the_base():
    contributions = np.array([[2.0, -1.9999], [0.5, -0.5], [1e-9, 0.0]], dtype=np.float32)
    points, base, probability = points_of(contributions, logistic, 0.0)
    assert np.abs(points).max() < 0.5
    assert points.sum(axis=1) == pytest.approx(probability - base, abs=1e-6)
    assert points[1] == pytest.approx([-points[1, 1], -points[1, 0]])


def test_points_of_a_stepped_curve_add_up_too():
    contributions = np.array([[1.0, -0.2], [-1.0, -0.5], [0.4, -0.6], [0.0, 0.0]], dtype=np.float32)
    points, base, probability = points_of(contributions, step, 0.1)
    assert points.sum(axis=1) == pytest.approx(probability - base, abs=1e-6)
    assert points[3].tolist() == [0, 0]


def test_points_of_a_straight_line_are_its_slope_times_the_contributions():
    contributions = np.array([[0.2, -0.1, 0.05], [0.1, 0.1, -0.2]], dtype=np.float32)
    points, _, _ = points_of(contributions, lambda raw: 0.3 + 0.5 * np.asarray(raw), 0.0)
    assert points == pytest.approx(0.5 * contributions, abs=1e-6)


def test_features_of_the_training_data_that_tell_nothing_contribute_nothing():
    constant = pl.lit(1.0).alias("always_one")
    model = train(customers().with_columns(constant), candidates=["xgboost"], split="temporal").model
    found = explain(model, customers(count=50, dates=1, seed=4).with_columns(constant))
    assert not found.contributions[:, found.feature_names.index("always_one")].any()
