"""Months and chances from hazards, to the digit by hand; anchors that make two answers one."""

from __future__ import annotations

import numpy as np
import pytest

from churn.decisions.lifetime import anchored, leaves_within, months_after_save, months_kept, survival
from churn.errors import DataError

BOTH = np.array([True, True])
HAND = np.array([[[0.1, 0.1], [0.05, 0.05], [0.25, 0.25]]])  # S: 1, .8, .72, .36, and half as many each month on


def test_the_chances_of_leaving_are_those_of_the_hand() -> None:
    assert survival(HAND)[0] == pytest.approx([1, 0.8, 0.72, 0.36])
    assert leaves_within(HAND, 30, BOTH)[0] == pytest.approx(0.2)
    assert leaves_within(HAND, 90, BOTH)[0] == pytest.approx(0.64)
    assert leaves_within(HAND, 120, BOTH)[0] == pytest.approx(0.82)  # the last hazard goes on
    assert leaves_within(HAND, 90, np.array([True, False]))[0] == pytest.approx(0.1 + 0.8 * 0.05 + 0.72 * 0.25)
    assert leaves_within(HAND, 15, BOTH)[0] == pytest.approx(1 - 0.8**0.5)


def test_the_months_kept_are_the_mean_of_the_time_within_the_months() -> None:
    assert months_kept(HAND, 3)[0] == pytest.approx(0.5 + 0.8 + 0.72 + 0.18)
    assert months_kept(np.zeros((1, 1, 1)), 12)[0] == 12
    assert months_kept(np.ones((1, 1, 1)), 12)[0] == 0.5


def test_a_save_keeps_the_months_from_the_second_hazard_on() -> None:
    # After the save: 1, then .9, then .45, ...
    assert months_after_save(HAND, months=3)[0] == pytest.approx(2.35)
    assert months_after_save(HAND, 0.25, months=3)[0] == pytest.approx(1 + 0.9 / 1.25 + 0.45 / 1.5625)
    whole = 1 + 0.9 * (1 - 0.5**23) / 0.5
    assert months_after_save(HAND)[0] == pytest.approx(whole)


def test_of_one_hazard_throughout_a_save_is_worth_the_constant_formula() -> None:
    constant = np.full((1, 1, 1), 0.08)
    for months, factor in ((3, 69.16 / 25), (6, 123.01 / 25), (12, 197.60 / 25)):
        assert months_after_save(constant, months=months)[0] == pytest.approx(factor, abs=2e-4)


def test_a_rate_below_zero_is_refused() -> None:
    with pytest.raises(DataError, match="below 0"):
        months_after_save(HAND, -0.1)


def test_the_first_hazard_is_the_probability_and_later_ones_stay() -> None:
    held = anchored(HAND, [0.5], 30, BOTH)
    assert leaves_within(held, 30, BOTH)[0] == 0.5
    assert held[0, 0] == pytest.approx([0.25, 0.25])
    assert held[0, 1:] == pytest.approx(HAND[0, 1:])
    by_cause = anchored(HAND, [[0.3, 0.04]], 30, BOTH)
    assert by_cause[0, 0] == pytest.approx([0.3, 0.04])


def test_a_cause_that_does_not_count_keeps_its_hazard() -> None:
    first = np.array([True, False])
    held = anchored(HAND, [0.5], 30, first)
    assert held[0, 0] == pytest.approx([0.5, 0.1])
    assert leaves_within(held, 30, first)[0] == 0.5
    squeezed = anchored(HAND, [0.95], 30, first)
    assert squeezed[0, 0] == pytest.approx([0.95, 0.05])


@pytest.mark.parametrize("horizon", [14, 45, 60, 90, 150])
@pytest.mark.parametrize("counted", [BOTH, np.array([True, False])])
@pytest.mark.parametrize("p", [0.003, 0.2, 0.6])
def test_other_horizons_are_met_as_well(horizon: int, counted: np.ndarray, p: float) -> None:
    held = anchored(HAND, [p], horizon, counted)
    assert leaves_within(held, horizon, counted)[0] == pytest.approx(p, abs=1e-9)
    assert np.all((held >= 0) & (held.sum(axis=2, keepdims=True) <= 1))
