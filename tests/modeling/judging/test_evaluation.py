from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit
from sklearn import metrics

from churn.decisions.profit import Economics, expected_profit
from churn.modeling.judging.bootstrap import CustomerDraws, interval
from churn.modeling.judging.evaluation import TestRows, best_threshold, evaluate
from churn.modeling.judging.ranking import Ranking, area_under_roc

N = 3_000


def scored(seed=0, *, ties=False):
    rng = np.random.default_rng(seed)
    odds = rng.normal(-1.5, 1.2, N)
    if ties:
        odds = np.round(odds, 1)
    return odds, (rng.random(N) < expit(odds)).astype(np.float64)


def judged(odds, y, *, threshold=0.3, customer=None, draws=80, recall_share=0.2):
    customer = np.arange(y.size) if customer is None else customer
    rows = TestRows(
        y, np.full(y.size, 100.0), CustomerDraws.of(customer, draws=draws, seed=1), Economics(), recall_share
    )
    return evaluate(rows, odds, expit(odds), threshold)


@pytest.mark.parametrize("ties", [False, True])
def test_figures_agree_with_scikit_learn(ties):
    odds, y = scored(ties=ties)
    found = {name: m.value for name, m in judged(odds, y).metrics.items()}
    p = expit(odds)
    assert found["auc"] == pytest.approx(metrics.roc_auc_score(y, odds))
    assert found["pr_auc"] == pytest.approx(metrics.average_precision_score(y, odds))
    assert found["brier"] == pytest.approx(metrics.brier_score_loss(y, p))
    assert found["log_loss"] == pytest.approx(metrics.log_loss(y, p))
    assert found["recall"] == pytest.approx(metrics.recall_score(y, p >= 0.3))
    assert found["precision"] == pytest.approx(metrics.precision_score(y, p >= 0.3))
    assert found["f1"] == pytest.approx(metrics.f1_score(y, p >= 0.3))


def test_weighted_ranking_agrees_with_scikit_learn():
    odds, y = scored(ties=True)
    weight = np.random.default_rng(1).integers(0, 4, N).astype(np.float64)
    auc, pr_auc, _, _ = Ranking.of(odds, y).figures(weight)
    assert auc == pytest.approx(metrics.roc_auc_score(y, odds, sample_weight=weight))
    assert pr_auc == pytest.approx(metrics.average_precision_score(y, odds, sample_weight=weight))


def test_lift_and_recall_at_a_budget_count_the_top_rows():
    y = np.array([1.0] * 5 + [0.0] * 5 + [1.0] * 5 + [0.0] * 85)
    score = np.arange(100.0)[::-1]
    _, _, lift, recall = Ranking.of(score, y).figures(recall_share=0.15)
    assert lift == pytest.approx((5 / 10) / (10 / 100))
    assert recall == pytest.approx(1.0)


def test_equal_scores_give_no_credit_for_their_order():
    y = np.array([1.0, 0.0] * 50)
    same = Ranking.of(np.zeros(100), y)
    assert same.figures(recall_share=0.3)[0] == pytest.approx(0.5)
    assert same.figures(recall_share=0.3)[2:] == pytest.approx((1.0, 0.3))


def test_one_outcome_only_has_no_auc():
    assert np.isnan(area_under_roc(np.arange(5.0), np.zeros(5)))


def test_net_profit_is_what_contacting_the_rows_above_the_threshold_earned():
    odds, y = scored()
    contacted = expit(odds) >= 0.3
    earned = expected_profit(y, np.full(N, 100.0), Economics())[contacted].sum()
    assert judged(odds, y).metrics["net_profit"].value == pytest.approx(earned)


def test_an_infinite_threshold_contacts_nobody_and_earns_nothing():
    found = judged(*scored(), threshold=float("inf")).metrics
    assert (found["net_profit"].value, found["recall"].value, found["precision"].value) == (0.0, 0.0, 0.0)


def test_the_best_threshold_is_infinite_where_no_contact_pays():
    odds, y = scored()
    assert best_threshold(expit(odds), y, np.full(N, 0.01), Economics()) == float("inf")
    assert best_threshold(expit(odds), y, np.full(N, 100.0), Economics()) < 0.2


def test_intervals_hold_the_figure_and_shrink_with_rows():
    odds, y = scored()
    wide, narrow = judged(odds[:500], y[:500]), judged(odds, y)
    for name, found in narrow.metrics.items():
        assert found.low <= found.value <= found.high or name == "ece"
    assert narrow.metrics["auc"].high - narrow.metrics["auc"].low < 0.7 * (
        wide.metrics["auc"].high - wide.metrics["auc"].low
    )


def test_rows_of_one_customer_are_drawn_together_so_repeats_do_not_narrow_an_interval():
    odds, y = scored()
    odds, y = odds[:400], y[:400]
    once = judged(odds, y).metrics["auc"]
    twice = judged(np.repeat(odds, 5), np.repeat(y, 5), customer=np.repeat(np.arange(400), 5)).metrics["auc"]
    assert twice.high - twice.low == pytest.approx(once.high - once.low, rel=0.1)


def test_the_interval_covers_the_truth_about_as_often_as_it_says():
    rng = np.random.default_rng(2)
    covered = 0
    for trial in range(60):
        values = rng.normal(3.0, 1.0, 150)
        draws = CustomerDraws.of(np.arange(150), draws=150, seed=trial)
        found = interval(float(values.mean()), draws.totals(values) / draws.rows)
        covered += found.low <= 3.0 <= found.high
    assert covered >= 51


def test_calibrated_scores_pass_the_gate_and_shifted_ones_do_not():
    odds, y = scored()
    assert judged(odds, y).gate.is_passed
    assert not judged(odds + 1.0, y).gate.is_passed


@pytest.mark.parametrize("seed", range(4))
def test_every_figure_lies_within_its_own_interval(seed):
    for name, found in judged(*scored(seed)).metrics.items():
        assert found.low <= found.value <= found.high, name
