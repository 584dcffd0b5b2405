"""Brier scores and D-calibration with rows out of sight, by hand and on curves that are known to be true or false."""

from __future__ import annotations

import numpy as np
import pytest

from churn.decisions.survival_scores import brier_scores, d_calibration, in_sight, integrated_brier, product_limit
from churn.errors import DataError

# Six rows: lost in periods 1, 2 and 3; out of sight after period 1; seen to the end of 3, twice.
OBSERVED = np.array([0, 1, 2, 1, 3, 3])
LOST = np.array([True, True, True, False, False, False])


def test_the_product_limit_estimate_is_that_of_the_hand() -> None:
    hazard, at_risk = product_limit(OBSERVED, LOST, 3)
    assert at_risk.tolist() == [6, 4, 3]
    assert hazard == pytest.approx([1 / 6, 1 / 4, 1 / 3])
    assert in_sight(OBSERVED, LOST, 3) == pytest.approx([1, 4 / 5, 4 / 5, 0])


def test_the_brier_score_gives_rows_in_sight_the_weight_of_those_who_are_not() -> None:
    curves = np.tile([1.0, 0.8, 0.6, 0.4], (6, 1))
    first = (0.8**2 + 5 * 0.2**2) / 6
    # One of five is out of sight after period 1: whoever is judged later stands for 5 / 4.
    second = (0.6**2 + 0.6**2 / 0.8 + 3 * 0.4**2 / 0.8) / 6
    third = (0.4**2 + 2 * 0.4**2 / 0.8 + 2 * 0.6**2 / 0.8) / 6
    assert brier_scores(curves, OBSERVED, LOST) == pytest.approx([first, second, third])
    assert integrated_brier(curves, OBSERVED, LOST) == pytest.approx((first + second + third) / 3)


def test_nobody_in_sight_is_refused() -> None:
    with pytest.raises(DataError, match="in sight"):
        brier_scores(np.ones((2, 4)), np.array([1, 1]), np.array([False, False]))


def drawn(rate: float, rows: int = 6_000, seed: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """Losses at a hazard of `rate` a period; out of sight after a random number of periods, 8 at most."""
    rng = np.random.default_rng(seed)
    loss = rng.geometric(rate, rows) - 1
    sight = rng.integers(1, 9, rows)
    return np.minimum(loss, sight), loss < sight


def test_true_curves_are_spread_evenly_and_false_ones_are_not() -> None:
    observed, is_lost = drawn(0.15)
    true = np.tile(0.85 ** np.arange(9), (observed.size, 1))
    false = np.tile(0.93 ** np.arange(9), (observed.size, 1))
    assert d_calibration(true, observed, is_lost).p_value > 0.05
    assert d_calibration(true, observed, is_lost).shares.sum() == pytest.approx(1)
    judged = d_calibration(false, observed, is_lost)
    assert judged.p_value < 1e-6
    assert judged.worst > 0.02
    assert integrated_brier(true, observed, is_lost) < integrated_brier(false, observed, is_lost)


def test_the_authors_rule_spreads_who_is_out_of_sight_below_the_curve() -> None:
    judged = d_calibration(np.array([[1.0, 0.5]]), np.array([1]), np.array([False]))
    assert judged.shares == pytest.approx([0.2] * 5 + [0] * 5)
