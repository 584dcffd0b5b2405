from __future__ import annotations

import zlib

import numpy as np
import pytest

from churn.errors import ConfigError, ModelError
from churn.modeling.candidates import CANDIDATES, candidate, candidates
from churn.modeling.judging.bootstrap import interval
from churn.modeling.result import CandidateResult
from churn.modeling.selection import select

ORDER = ["logistic_regression", "random_forest", "xgboost", "mlp"]


def result(name, *, profit=100.0, noise=1.0, auc=0.8, log_loss=0.2, is_baseline=False, seed=None):
    shared = np.random.default_rng(99).normal(size=200)  # what all candidates share in a draw
    own = np.random.default_rng(seed if seed is not None else zlib.crc32(name.encode())).normal(size=200)
    draws = {
        "net_profit": profit + 30 * shared + noise * own,
        "auc": auc + 0.01 * shared,
        "empc": auc + 0.01 * shared,
        "recall_at_budget": auc + 0.01 * shared,
        "log_loss": np.full(200, log_loss),
    }
    points = {"net_profit": profit, "auc": auc, "empc": auc, "recall_at_budget": auc, "log_loss": log_loss}
    return CandidateResult(
        name=name,
        title=next((c.title for c in CANDIDATES if c.name == name), "Constant (same for all)"),
        is_baseline=is_baseline,
        metrics={key: interval(points[key], draws[key]) for key in points},
        threshold=0.2,
        fit_seconds=1.0,
        rows_per_second=1e6,
        calibration="platt",
        is_calibrated=True,
        calibration_slope=1.0,
        draws=draws,
    )


def constant():
    return result("constant", profit=10.0, auc=0.5, log_loss=0.3, is_baseline=True, seed=5)


def test_a_reliably_better_candidate_wins_over_an_easier_one():
    found = select(
        [constant(), result("logistic_regression", profit=80, seed=1), result("xgboost", profit=100, seed=2)],
        metric="net_profit",
        interpretability=ORDER,
    )
    assert found.name == "xgboost"
    assert found.has_signal
    assert "reliably above" in found.reason


def test_among_equals_the_easiest_to_interpret_wins_and_the_reason_gives_the_difference():
    found = select(
        [
            constant(),
            result("logistic_regression", profit=20, seed=1),
            result("random_forest", profit=98, noise=20, seed=2),
            result("xgboost", profit=100, noise=20, seed=3),
        ],
        metric="net_profit",
        interpretability=ORDER,
    )
    assert found.name == "random_forest"
    assert "not reliably below that of XGBoost, 100 (difference 2" in found.reason
    assert found.reason.endswith(".")


def test_the_order_of_interpretability_is_a_setting():
    results = [result("random_forest", profit=99, noise=20, seed=2), result("xgboost", profit=100, noise=20, seed=3)]
    assert select(results, metric="net_profit", interpretability=["xgboost"]).name == "xgboost"


@pytest.mark.parametrize("metric", ["auc", "empc", "recall_at_budget"])
def test_another_metric_may_decide(metric):
    results = [result("logistic_regression", profit=100, auc=0.7, seed=1), result("mlp", profit=60, auc=0.9, seed=2)]
    assert select(results, metric=metric, interpretability=ORDER).name == "mlp"


def test_a_baseline_is_never_chosen():
    results = [result("constant", profit=999, is_baseline=True, log_loss=0.3), result("mlp", profit=1)]
    assert select(results, metric="net_profit", interpretability=ORDER).name == "mlp"


def test_chance_is_not_a_signal_and_the_reason_says_so():
    found = select(
        [constant(), result("logistic_regression", auc=0.51), result("xgboost", auc=0.52)],
        metric="net_profit",
        interpretability=ORDER,
    )
    assert not found.has_signal
    assert found.reason.startswith("Nothing to learn was found: the best ranking, by XGBoost, has an AUC of 0.520")


def test_probabilities_no_better_than_a_constant_are_not_a_signal():
    found = select([constant(), result("xgboost", auc=0.7, log_loss=0.4)], metric="net_profit", interpretability=ORDER)
    assert not found.has_signal
    assert "no better than giving everyone the same" in found.reason


def test_a_candidate_without_signal_is_passed_over_where_another_has_some():
    results = [
        constant(),
        result("logistic_regression", profit=100, auc=0.5, seed=1),
        result("xgboost", profit=100, auc=0.8, seed=2),
    ]
    assert select(results, metric="net_profit", interpretability=ORDER).name == "xgboost"


def test_nothing_trained_is_an_error():
    with pytest.raises(ModelError):
        select([constant()], metric="net_profit", interpretability=ORDER)


def test_an_unknown_candidate_is_answered_with_the_nearest():
    with pytest.raises(ConfigError, match="Did you mean `xgboost`"):
        candidate("xgbost")
    with pytest.raises(ConfigError, match="Name one or more"):
        candidates([])
    assert [c.name for c in candidates(["mlp", "mlp"])] == ["mlp"]
