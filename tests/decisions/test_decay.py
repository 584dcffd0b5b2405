from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import norm

from churn.decisions.decay import Estimate, cohort_figures, decay_limit, difference, expected_figures


def drawn(seed: int, size: int = 4_000) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    p = random.beta(1.0, 9.0, size=size)
    return (random.random(size) < p).astype(float), p


def test_figures_are_those_one_counts_by_hand():
    y = np.array([1, 0, 1, 0, 0, 0, 0, 0, 0, 0])
    p = np.array([0.9, 0.8, 0.3, 0.2, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1])

    found = cohort_figures(y, p, threshold=0.5)

    assert found["auc"].value == pytest.approx(15 / 16)  # of 2 x 8 pairs one is the wrong way round
    assert found["recall"].value == 0.5
    assert found["lift"].value == pytest.approx(1.0 / 0.2)  # the top tenth is one customer, who left
    assert found["level"].value == pytest.approx(2 / p.sum())


def test_a_calibrated_model_has_slope_and_level_near_one_and_intervals_hold_the_truth():
    held = dict.fromkeys(("auc", "slope", "level"), 0)
    everyone = cohort_figures(*drawn(999, 150_000), threshold=0.1)
    for seed in range(60):
        found = cohort_figures(*drawn(seed, 2_000), threshold=0.1)
        for name, truth in (("auc", everyone["auc"].value), ("slope", 1.0), ("level", 1.0)):
            low, high = found[name].interval()
            held[name] += low <= truth <= high
    assert all(0.88 <= count / 60 <= 1.0 for count in held.values()), held


def test_what_scores_promise_is_what_happens_when_they_are_true():
    y, p = drawn(5, 200_000)

    promised, found = expected_figures(p, threshold=0.15), cohort_figures(y, p, threshold=0.15)

    assert promised["auc"] == pytest.approx(found["auc"].value, abs=0.005)
    assert promised["recall"] == pytest.approx(found["recall"].value, abs=0.01)
    assert promised["lift"] == pytest.approx(found["lift"].value, rel=0.03)
    assert promised["churn_rate"] == pytest.approx(y.mean(), rel=0.02)


def test_what_scores_promise_is_blind_to_customers_who_behave_otherwise():
    y, p = drawn(6, 50_000)
    shuffled = np.random.default_rng(0).permutation(y)  # the same churn, of anybody

    assert cohort_figures(shuffled, p, threshold=0.1)["auc"].value == pytest.approx(0.5, abs=0.02)
    assert expected_figures(p, threshold=0.1)["auc"] > 0.7


def test_equal_scores_promise_nothing_but_chance():
    assert expected_figures(np.full(50, 0.1), threshold=0.5)["auc"] == pytest.approx(0.5)
    assert math.isnan(expected_figures(np.zeros(5), threshold=0.5)["auc"])


@pytest.mark.parametrize("y", [np.zeros(20), np.ones(20)])
def test_where_nobody_or_everybody_left_no_figure_is_determined(y):
    found = cohort_figures(y, np.linspace(0.1, 0.9, 20), threshold=0.5)

    assert all(math.isnan(figure.value) for figure in found.values())


def test_a_model_that_contacts_nobody_has_no_recall():
    y, p = drawn(1)

    assert math.isnan(cohort_figures(y, p, threshold=math.inf)["recall"].value)


def test_differences_carry_the_noise_of_both_and_limits_that_of_many():
    gap = difference(Estimate(0.7, 0.03), Estimate(0.8, 0.04))

    assert (gap.value, gap.error) == (pytest.approx(-0.1), pytest.approx(0.05))
    assert decay_limit(1, level=0.95) == pytest.approx(norm.ppf(0.975))
    assert decay_limit(5, level=0.99) == pytest.approx(norm.ppf(0.999))
