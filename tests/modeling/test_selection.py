from __future__ import annotations

import zlib
from dataclasses import replace

import numpy as np
import pytest

from churn.decisions.calibration import Gate
from churn.errors import ConfigError, ModelError
from churn.modeling.candidates import CANDIDATES, candidate, candidates
from churn.modeling.judging.bootstrap import interval
from churn.modeling.judging.evaluation import Figures
from churn.modeling.result import CandidateResult
from churn.modeling.selection import select

ORDER = ["logistic_regression", "random_forest", "xgboost", "mlp"]


GATE = Gate(is_passed=True, slope=1.0, mean_gap=0.0, intercept=0.0, base_rate=0.1, reasons=())


def result(
    name,
    *,
    profit=100.0,
    noise=1.0,
    auc=0.8,
    log_loss=0.2,
    loss_noise=0.0,
    is_baseline=False,
    contacts_everyone=False,
    seed=None,
    members=(),
):
    shared = np.random.default_rng(99).normal(size=200)  # what all candidates share in a draw
    own = np.random.default_rng(seed if seed is not None else zlib.crc32(name.encode())).normal(size=200)
    draws = {
        "net_profit": profit + 30 * shared + noise * own,
        "auc": auc + 0.01 * shared,
        "empc": auc + 0.01 * shared,
        "recall_at_budget": auc + 0.01 * shared,
        "log_loss": log_loss + loss_noise * own,
    }
    points = {"net_profit": profit, "auc": auc, "empc": auc, "recall_at_budget": auc, "log_loss": log_loss}
    return CandidateResult(
        name=name,
        title=next((c.title for c in CANDIDATES if c.name == name), "Constant (same for all)"),
        is_baseline=is_baseline,
        metrics={},
        held_out=Figures({key: interval(points[key], draws[key]) for key in points}, draws, GATE),
        contacts_everyone=contacts_everyone,
        threshold=0.2,
        fit_seconds=1.0,
        rows_per_second=1e6,
        calibration="platt",
        is_calibrated=True,
        calibration_slope=1.0,
        members=members,
    )


def constant():
    return result("constant", profit=10.0, auc=0.5, log_loss=0.3, is_baseline=True, seed=5)


def test_a_reliably_better_candidate_wins_over_an_easier_one():
    found = select(
        [constant(), result("logistic_regression", profit=80, seed=1), result("xgboost", profit=100, seed=2)],
        metric="net_profit",
        interpretability=ORDER,
        currency="EUR",
    )
    assert found.name == "xgboost"
    assert found.may_serve
    assert "no easier candidate is shown to be as good" in found.reason


def test_among_those_shown_to_be_as_good_the_easiest_to_interpret_wins_and_the_reason_gives_the_difference():
    found = select(
        [
            constant(),
            result("logistic_regression", profit=20, seed=1),
            result("random_forest", profit=99.5, noise=0.2, seed=2),
            result("xgboost", profit=100, noise=0.2, seed=3),
        ],
        metric="net_profit",
        interpretability=ORDER,
        currency="EUR",
    )
    assert found.name == "random_forest"
    assert "is shown to be within 2% of that of XGBoost, €100 (difference -€0.50" in found.reason
    assert found.reason.endswith(".")


def test_not_proven_worse_is_no_proof_of_being_as_good():
    """With few churners every difference is within the noise: the best is taken, not the easiest."""
    found = select(
        [constant(), result("logistic_regression", profit=60, noise=80, seed=1), result("xgboost", profit=100, seed=3)],
        metric="net_profit",
        interpretability=ORDER,
        currency="EUR",
    )
    assert found.name == "xgboost"


def test_within_one_standard_error_of_the_highest_profit_the_lowest_log_loss_is_the_best():
    """A few customers more or less would turn the order of profit round; log loss knows all of them."""
    results = [
        constant(),
        result("random_forest", profit=90, noise=40, log_loss=0.21, seed=1),
        result("xgboost", profit=95, noise=40, log_loss=0.17, seed=2),
        result("mlp", profit=100, noise=40, log_loss=0.19, seed=3),
    ]
    chosen = select(results, metric="net_profit", interpretability=ORDER, currency="EUR")
    assert chosen.name == "xgboost"
    assert "€95, is within one standard error of the highest, €100 of the neural network, and" in chosen.reason
    assert "has the lowest log loss" in chosen.reason

    results[2] = result("xgboost", profit=30, noise=40, log_loss=0.17, seed=2)
    assert select(results, metric="net_profit", interpretability=ORDER, currency="EUR").name == "mlp", (
        "this is no matter of luck"
    )


def test_a_reliably_higher_log_loss_rules_an_easier_candidate_out():
    results = [
        constant(),
        result("random_forest", profit=100, noise=0.1, log_loss=0.19, seed=1),
        result("xgboost", profit=99.9, noise=0.1, log_loss=0.16, seed=3),
    ]
    assert select(results, metric="net_profit", interpretability=ORDER, currency="EUR").name == "xgboost"


def test_where_contacting_everyone_pays_most_log_loss_decides():
    results = [
        result("constant", profit=100, auc=0.5, log_loss=0.3, is_baseline=True, contacts_everyone=True),
        result("logistic_regression", profit=100, log_loss=0.25, contacts_everyone=True, seed=1),
        result("xgboost", profit=100, log_loss=0.2, contacts_everyone=True, seed=2),
    ]
    found = select(results, metric="net_profit", interpretability=ORDER, currency="EUR")
    assert found.name == "xgboost"
    assert "log loss on rows it had not learnt from, 0.200" in found.reason
    assert "contacting everyone or nobody pays most" in found.reason
    assert found.may_serve


def test_a_rule_of_thumb_that_earns_as_much_is_named_in_place_of_the_model():
    rule = result("segment_rate", profit=105, is_baseline=True, log_loss=0.2)
    found = select(
        [constant(), rule, result("xgboost", profit=100)], metric="net_profit", interpretability=ORDER, currency="EUR"
    )
    assert found.has_signal
    assert not found.may_serve
    assert found.better_rule == rule.title
    assert found.reason.endswith("use that rule instead.")
    surer = select(
        [constant(), rule, result("xgboost", profit=100, log_loss=0.15)],
        metric="net_profit",
        interpretability=ORDER,
        currency="EUR",
    )
    assert surer.may_serve, "its probabilities are reliably better"


@pytest.mark.parametrize(("everyone", "words"), [(True, "contacting everybody"), (False, "contacting nobody")])
def test_a_constant_that_earns_as_much_is_told_as_what_one_does(everyone, words):
    rule = result("constant", profit=105, is_baseline=True, contacts_everyone=everyone, log_loss=0.25)
    model = result("xgboost", profit=100, log_loss=0.24, loss_noise=0.1)
    chosen = select([rule, model], metric="net_profit", interpretability=ORDER, currency="EUR")
    assert chosen.better_rule == words
    assert f"but {words} does as well without a model" in chosen.reason


def test_the_order_of_interpretability_is_a_setting():
    results = [
        result("random_forest", profit=100, noise=0.1, seed=2),
        result("xgboost", profit=99.9, noise=0.1, seed=3),
    ]
    assert select(results, metric="net_profit", interpretability=["xgboost"], currency="EUR").name == "xgboost"


@pytest.mark.parametrize("metric", ["auc", "empc", "recall_at_budget"])
def test_another_metric_may_decide(metric):
    results = [result("logistic_regression", profit=100, auc=0.7, seed=1), result("mlp", profit=60, auc=0.9, seed=2)]
    assert select(results, metric=metric, interpretability=ORDER, currency="EUR").name == "mlp"


def test_a_baseline_is_never_chosen():
    results = [result("constant", profit=999, is_baseline=True, log_loss=0.3), result("mlp", profit=1)]
    assert select(results, metric="net_profit", interpretability=ORDER, currency="EUR").name == "mlp"


def test_no_reason_tells_the_profit_of_a_choice_whose_probabilities_failed_the_gate():
    pool = [constant(), result("xgboost", profit=1234), result("logistic_regression", profit=1233, noise=0.1)]
    rule = result("last_login", profit=1300, is_baseline=True)
    for results in (pool, [*pool, rule], pool[:2]):
        failed = [replace(r, is_calibrated=r.is_baseline) for r in results]
        assert "€1,2" in select(results, metric="net_profit", interpretability=ORDER, currency="EUR").reason
        told = select(failed, metric="net_profit", interpretability=ORDER, currency="EUR").reason
        assert "€" not in told
        assert "amounts are not told" in told


def test_chance_is_not_a_signal_and_the_reason_says_so():
    found = select(
        [constant(), result("logistic_regression", auc=0.51), result("xgboost", auc=0.52)],
        metric="net_profit",
        interpretability=ORDER,
        currency="EUR",
    )
    assert not found.has_signal
    assert found.reason.startswith("Nothing to learn was found: the best ranking, by XGBoost, has an AUC of 0.520")


def test_probabilities_no_better_than_a_constant_are_not_a_signal():
    found = select(
        [constant(), result("xgboost", auc=0.7, log_loss=0.4)],
        metric="net_profit",
        interpretability=ORDER,
        currency="EUR",
    )
    assert not found.has_signal
    assert "no better than giving everyone the same" in found.reason


def test_a_candidate_without_signal_is_passed_over_where_another_has_some():
    results = [
        constant(),
        result("logistic_regression", profit=100, auc=0.5, seed=1),
        result("xgboost", profit=100, auc=0.8, seed=2),
    ]
    assert select(results, metric="net_profit", interpretability=ORDER, currency="EUR").name == "xgboost"


def test_the_best_of_several_candidates_on_noise_is_not_a_signal():
    """The best of six on data without any signal reaches 2.8 standard errors above one half every other time in a hundred."""
    names = ["logistic_regression", "random_forest", "shallow_xgboost", "xgboost", "hist_gradient_boosting", "mlp"]
    six = [result(name, auc=0.528, log_loss=0.199, seed=seed) for seed, name in enumerate(names)]
    chosen = select([constant(), *six], metric="net_profit", interpretability=ORDER, currency="EUR")
    assert not chosen.has_signal
    assert chosen.reason.endswith("which the best of 6 candidates may reach by chance.")
    sure = [result(name, auc=0.55, log_loss=0.19, seed=seed) for seed, name in enumerate(names)]
    assert select([constant(), *sure], metric="net_profit", interpretability=ORDER, currency="EUR").has_signal


def test_nothing_trained_is_an_error():
    with pytest.raises(ModelError):
        select([constant()], metric="net_profit", interpretability=ORDER, currency="EUR")


def test_an_unknown_candidate_is_answered_with_the_nearest():
    with pytest.raises(ConfigError, match="Did you mean `xgboost`"):
        candidate("xgbost")
    with pytest.raises(ConfigError, match="Name one or more"):
        candidates([])
    assert [c.name for c in candidates(["mlp", "mlp"])] == ["mlp"]


@pytest.mark.parametrize(("loss", "chosen"), [(0.19, "average"), (0.21, "xgboost")])
def test_an_average_is_as_hard_to_read_as_its_hardest_member_and_serves_only_with_a_lower_log_loss(loss, chosen):
    average = result("average", profit=99.9, noise=0.2, log_loss=loss, members=("logistic_regression", "xgboost"))
    pool = [constant(), result("xgboost", profit=100, noise=0.1, seed=2), average, result("mlp", profit=100, noise=0.1)]
    if loss > 0.2:
        pool[2] = result("average", profit=99.9, noise=0.2, log_loss=loss, loss_noise=0.02, members=("xgboost",))
    assert select(pool, metric="net_profit", interpretability=ORDER, currency="EUR").name == chosen
