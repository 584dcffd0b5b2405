"""An average of models: honest weights, exact reasons, and a bundle that reads back to the same scores."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from churn.errors import ConfigError
from churn.modeling import TrainingResult, explain, load_bundle, save_bundle
from churn.modeling.averaging import cross_fitted_average, fit_weights
from churn.modeling.candidates import candidate
from tests.modeling import made_up


@pytest.fixture(scope="module")
def result() -> TrainingResult:
    return made_up.averaged()


def _log_loss(score: np.ndarray, y: np.ndarray) -> float:
    return float(np.mean(np.logaddexp(0.0, score) - y * score))


def test_weights_are_those_of_the_true_sum_and_none_for_what_says_nothing() -> None:
    rng = np.random.default_rng(1)
    scores = rng.normal(size=(20_000, 3))
    y = (rng.random(20_000) < 1 / (1 + np.exp(-(scores @ [1.0, 0.5, 0.0] - 1.0)))).astype(float)
    weights = fit_weights(scores, y)
    np.testing.assert_allclose(weights.weights[:2], [1.0, 0.5], atol=0.06)
    assert weights.weights[2] == 0.0


def test_few_rows_leave_the_weights_near_those_of_a_plain_average() -> None:
    rng = np.random.default_rng(2)
    truth = rng.normal(size=60)
    scores = np.stack([truth + rng.normal(scale=0.3, size=60) for _ in range(2)], axis=1)
    y = (rng.random(60) < 1 / (1 + np.exp(-truth))).astype(float)
    first, second = fit_weights(scores, y).weights
    assert 0.5 < first / second < 2.0


def test_each_row_is_scored_by_weights_of_the_other_folds() -> None:
    rng = np.random.default_rng(3)
    scores, y, fold = rng.normal(size=(300, 2)), (rng.random(300) < 0.3).astype(float), np.arange(300) % 3
    held = cross_fitted_average(scores, y, fold)
    for k in range(3):
        rest = fold != k
        np.testing.assert_array_equal(held[~rest], fit_weights(scores[rest], y[rest])(scores[~rest]))


def test_the_average_serves_and_its_figures_name_its_members_and_their_weights(result: TrainingResult) -> None:
    assert result.selection.name == result.model.kind == "average"
    assert set(result.best.params) == {member.name for member in result.model.estimator.members}
    losses = {c.name: c.held_out.metrics["log_loss"].value for c in result.candidates if not c.is_baseline}
    members = [losses[name] for name in result.best.params]
    assert losses["average"] < sum(members) / len(members)


def test_its_reasons_are_exact_they_add_up_to_the_score(result: TrainingResult) -> None:
    frame = made_up.curved()
    told = explain(result.model, frame)
    assert told.method == "exact"
    np.testing.assert_allclose(told.base_score + told.contributions.sum(axis=1), told.raw_score, atol=2e-4)
    points = told.base_probability + told.probability_points.sum(axis=1)
    np.testing.assert_allclose(points, told.churn_probability, atol=2e-4)


def test_its_reasons_are_the_weighted_sum_of_its_members_reasons(result: TrainingResult) -> None:
    """Row by row, the Shapley value of a feature in the sum is the sum of its Shapley values in the parts."""
    average, frame = result.model.estimator, made_up.curved().head(40)
    matrix = result.model.matrix(frame)
    scores = [
        member.weight * candidate(member.name).score(member.estimator, np.ascontiguousarray(matrix[:, member.columns]))
        for member in average.members
    ]
    np.testing.assert_allclose(average.intercept + sum(scores), result.model.raw_scores(matrix), rtol=1e-12)
    assert len(scores) >= 2


def test_a_bundle_of_an_average_reads_back_to_the_same_scores(result: TrainingResult, tmp_path: Path) -> None:
    save_bundle(result, tmp_path / "model")
    again, frame = load_bundle(tmp_path / "model"), made_up.curved()
    assert again.kind == "average"
    np.testing.assert_array_equal(again.predict(frame).raw_score, result.model.predict(frame).raw_score)


def test_an_average_needs_members_that_compete() -> None:
    with pytest.raises(ConfigError, match="none competes"):
        made_up.train(made_up.curved(), candidates=["average"])


def test_an_average_of_one_model_is_no_candidate() -> None:
    result = made_up.train(made_up.curved(), candidates=["logistic_regression", "average"])
    assert "average" not in {c.name for c in result.candidates}
