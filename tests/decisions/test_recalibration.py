"""How far probabilities are off: seen in outcomes without contact, pooled over rounds, and used where it is known."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from churn.decisions.recalibration import Recalibration, apart, known_recalibration, recalibration_by, see_level

DAY = date(2026, 7, 1)


def outcomes(rng, count, numbers=(0.0, 0.0, 0.0)):
    """Return churned, probability and its involuntary part, the truth being off by level, slope and share."""
    p = 1 / (1 + np.exp(-rng.normal(-3.0, 1.0, count)))
    share = rng.beta(1, 3, count)
    odds = np.log(p / (1 - p))
    level, slope, by_share = numbers
    true = 1 / (1 + np.exp(-(odds + level + slope * (odds - np.log(0.05 / 0.95)) + by_share * share)))
    return rng.random(count) < true, p, p * share


def level(day=DAY, customers=100, version="m1", window=30):
    """Return a level of nothing but its day."""
    seen = see_level(np.zeros(customers, dtype=bool), np.full(customers, 0.01), np.zeros(customers))
    return type(seen)(version, day, window, customers, 1.0, 0, seen.precision, seen.shift)


def test_many_outcomes_show_level_slope_and_causes_as_they_are() -> None:
    seen = see_level(*outcomes(np.random.default_rng(1), 400_000, (-0.2, -0.1, 0.3)))
    assert recalibration_by([seen]).mean == pytest.approx([-0.2, -0.1, 0.3], abs=0.04)


def test_of_customers_alike_the_factor_is_the_count_over_what_was_expected() -> None:
    p = np.full(200_000, 0.05)
    churned = np.arange(p.size) < 8_000  # 4 % where 5 % were expected
    seen = see_level(churned, p, np.zeros(p.size))
    assert (seen.customers, seen.churned, seen.expected) == (200_000, 8_000, pytest.approx(10_000))
    assert recalibration_by([seen]).factor(p[:1], np.zeros(1)) == pytest.approx([0.8], abs=0.005)


def test_few_outcomes_are_shrunk_to_probabilities_that_are_right() -> None:
    p = np.full(100, 0.05)
    seen = see_level(np.arange(100) < 10, p, np.zeros(100))  # 10 left where 5 were expected
    pooled = recalibration_by([seen])
    assert 1.0 < pooled.factor(p[:1], np.zeros(1))[0] < 1.5
    assert known_recalibration([seen]) is None
    assert recalibration_by([]) is None


def test_a_few_who_left_seldom_move_right_probabilities_and_move_wrong_ones_in_the_end() -> None:
    rng = np.random.default_rng(3)
    right = [known_recalibration([see_level(*outcomes(rng, 600))]) is not None for _ in range(100)]
    wrong = [known_recalibration([see_level(*outcomes(rng, 600, (-1.2, 0, 0)))]) is not None for _ in range(30)]
    assert np.mean(right) <= 0.1
    assert np.mean(wrong) >= 0.9


@pytest.mark.parametrize(("off", "worst"), [(0.0, 1.06), (-0.15, 1.06), (-0.34, 1.08), (0.34, 1.08)])
def test_what_is_expected_comes_near_the_truth_before_it_is_proven_that_it_is_off(off: float, worst: float) -> None:
    """Of probabilities 1.4 times too high, a round of 2,500 left alone leaves a few hundredths; unproven it would be a third."""
    rng = np.random.default_rng(7)
    ratios, held = [], 0
    for _ in range(80):
        pooled = known_recalibration([see_level(*outcomes(rng, 2_500, (off, 0.0, 0.0)))])
        assert pooled is not None
        _, p, involuntary = outcomes(rng, 3_000)
        true = Recalibration(np.array([off, 0.0, 0.0]), np.zeros((3, 3)), 1, 1, 1.0, 1).factor(p, involuntary) * p
        corrected = pooled.factor(p, involuntary) * p
        ratios.append(float(corrected.sum() / true.sum()))
        held += abs(ratios[-1] - 1.0) <= 1.645 * pooled.error(p, involuntary) * ratios[-1]
    assert 1 / worst <= float(np.mean(ratios)) <= worst
    assert held >= 0.85 * 80


def test_the_error_that_is_told_is_that_of_the_corrected_level() -> None:
    rng, truth = np.random.default_rng(5), (-0.2, -0.1, 0.2)
    _, p, involuntary = outcomes(rng, 4_000)
    true = Recalibration(np.array(truth), np.zeros((3, 3)), 1, 1, 1.0, 1).factor(p, involuntary) * p
    misses, told = [], []
    for _ in range(60):
        pooled = recalibration_by([see_level(rng.random(p.size) < true, p, involuntary)])
        misses.append(float((pooled.factor(p, involuntary) * p).sum() / true.sum() - 1.0))
        told.append(pooled.error(p, involuntary))
    between = 0.05 * float((true * (1 - true)).sum() / true.sum())  # that the next round's level may differ is told too
    assert np.hypot(np.std(misses), between) == pytest.approx(np.mean(told), rel=0.25)


def test_rounds_add_up_in_any_order() -> None:
    rng = np.random.default_rng(7)
    pieces = [see_level(*outcomes(rng, 3_000, (0.2, 0, 0))) for _ in range(3)]
    forward, back = recalibration_by(pieces), recalibration_by(pieces[::-1])
    assert forward.mean == pytest.approx(back.mean)
    assert (forward.rounds, forward.customers) == (3, 9_000)
    p, nothing = np.array([0.05]), np.zeros(1)
    assert forward.error(p, nothing) < recalibration_by(pieces[:1]).error(p, nothing)


def test_of_windows_that_overlap_the_largest_of_the_newest_day_counts_and_other_models_do_not() -> None:
    newest, small = level(), level(customers=50)
    between, before = level(DAY - timedelta(10)), level(DAY - timedelta(30))
    assert apart([small, before, newest, between], "m1") == [newest, before]
    assert apart([level(version="m2")], "m1") == []


@given(
    p=st.floats(1e-4, 0.9999),
    share=st.floats(0, 1),
    numbers=st.tuples(*[st.floats(-1.5, 1.5)] * 3),
)
def test_what_is_corrected_stays_a_probability_and_nothing_seen_changes_nothing(p, share, numbers) -> None:
    moved = Recalibration(np.array(numbers), np.eye(3), 1, 1, 1.0, 1)
    assert 0.0 < p * moved.factor(np.array([p]), np.array([p * share]))[0] <= 1.0
    still = Recalibration(np.zeros(3), np.eye(3), 1, 1, 1.0, 1)
    assert still.factor(np.array([p]), np.array([p * share]))[0] == pytest.approx(1.0)
