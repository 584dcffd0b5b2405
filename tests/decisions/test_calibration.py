"""Whether probabilities mean what they say."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from churn.decisions.calibration import (
    brier_parts,
    calibration_gate,
    calibration_line,
    expected_calibration_error,
    prior_shift,
    reliability_curve,
)
from churn.errors import ConfigError, DataError


@pytest.fixture(scope="module")
def calibrated():
    rng = np.random.default_rng(3)
    p = rng.beta(1, 9, 40_000)
    return rng.random(p.size) < p, p


def test_scores_of_a_balanced_model_shrink_to_the_true_base_rate():
    assert prior_shift([0.5, 0.65, 0.9], 0.5, 0.08).round(3).tolist() == [0.08, 0.139, 0.439]


@given(st.floats(0.01, 0.99), st.floats(0.01, 0.99), st.floats(0.0, 1.0))
def test_shifting_the_prior_there_and_back_changes_nothing(one, other, p):
    assert prior_shift(prior_shift([p], one, other), other, one) == pytest.approx([p], abs=1e-9)


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 20)), min_size=1, max_size=60), st.integers(1, 12))
def test_the_parts_of_the_brier_score_add_up(rows, bins):
    y, p = np.array([r[0] for r in rows]), np.array([r[1] / 20 for r in rows])
    parts = brier_parts(y, p, bins=bins)
    total = parts.reliability - parts.resolution + parts.uncertainty + parts.within_bins
    assert parts.score == pytest.approx(np.mean((p - y) ** 2))
    assert parts.score == pytest.approx(total)
    assert parts.bins <= bins


def test_few_distinct_probabilities_leave_nothing_within_bins():
    parts = brier_parts([0, 0, 1, 1, 1, 0], [0.2, 0.2, 0.2, 0.8, 0.8, 0.8])
    assert parts.within_bins == pytest.approx(0.0, abs=1e-12)
    assert parts.reliability == pytest.approx((1 / 3 - 0.2) ** 2)


def test_calibration_error_is_the_mean_gap_of_equal_mass_bins():
    assert expected_calibration_error([0, 1, 1, 1], [0.1, 0.1, 0.9, 0.9], bins=2) == pytest.approx(0.25)


@given(st.randoms(use_true_random=False))
def test_calibration_error_does_not_depend_on_the_order_of_tied_rows(random):
    y = np.array([0, 1, 0, 1, 1, 0, 0, 1, 0, 1])
    p = np.array([0.1] * 6 + [0.4] * 4)
    order = list(range(10))
    random.shuffle(order)
    assert expected_calibration_error(y[order], p[order], bins=3) == expected_calibration_error(y, p, bins=3)


def test_the_reliability_curve_of_a_calibrated_model_lies_on_the_diagonal(calibrated):
    expected, observed, mass = reliability_curve(*calibrated, bins=10)
    assert mass == pytest.approx(0.1)
    assert observed == pytest.approx(expected, abs=0.03)


def test_a_calibrated_model_has_intercept_0_and_slope_1_and_passes(calibrated):
    intercept, slope = calibration_line(*calibrated)
    assert intercept == pytest.approx(0, abs=0.1)
    assert slope == pytest.approx(1, abs=0.05)
    gate = calibration_gate(*calibrated)
    assert gate.is_passed
    assert gate.reasons == ()


@given(st.floats(-1.5, 1.5), st.floats(0.4, 2.5))
@settings(max_examples=20)
def test_a_distorted_model_shows_its_distortion_as_intercept_and_slope(shift, stretch):
    # The outcomes are the probabilities' own expectation: a thousand rows of each of many risks, counted exactly.
    line = np.linspace(-3, 1, 9)
    share = 1 / (1 + np.exp(-line))
    hits = np.round(share * 1_000).astype(int)
    y = np.concatenate([np.repeat([1, 0], [h, 1_000 - h]) for h in hits])
    p = np.repeat(1 / (1 + np.exp(-(line - shift) / stretch)), 1_000)
    intercept, slope = calibration_line(y, p)
    assert slope == pytest.approx(stretch, rel=0.03)
    assert intercept == pytest.approx(shift, abs=0.03)


def test_a_class_weighted_model_is_refused_and_told_why(calibrated):
    y, p = calibrated
    gate = calibration_gate(y, prior_shift(p, 0.1, 0.5))
    assert not gate.is_passed
    assert gate.mean_gap > 1
    assert "mean probability" in gate.reasons[0]


@pytest.mark.parametrize(
    ("rows", "off", "is_passed"),
    [(200_000, 0.08, True), (200_000, 0.12, False), (2_500, 0.14, True), (2_500, 0.26, False)],
    ids=["within the limit", "beyond it", "beyond it by what chance explains", "beyond what smallness excuses"],
)
def test_a_gap_of_the_means_counts_when_it_is_more_than_chance(rows, off, is_passed):
    p = np.tile(np.linspace(0.01, 0.15, 50), rows // 50)
    y = np.zeros(p.size)
    churners = round(p.sum() / (1 + off))
    y[np.argsort(-p, kind="stable")[np.linspace(0, p.size - 1, churners).astype(int)]] = 1
    found = calibration_gate(y, p).reasons
    assert any("mean probability" in reason for reason in found) != is_passed


def test_an_overconfident_model_is_refused_for_its_slope(calibrated):
    y, p = calibrated
    sharp = p**2 / (p**2 + (1 - p) ** 2)
    gate = calibration_gate(y, sharp)
    assert gate.slope == pytest.approx(0.5, abs=0.03)
    assert any("slope" in reason for reason in gate.reasons)


def test_constant_scores_have_no_slope_and_do_not_pass():
    gate = calibration_gate([0, 1, 0, 1], [0.5] * 4)
    assert math.isnan(gate.slope)
    assert not gate.is_passed
    assert "all scores are the same" in gate.reasons[0]


def test_perfectly_separating_scores_have_an_infinite_slope():
    assert calibration_line([0, 0, 1, 1], [0.1, 0.2, 0.7, 0.8])[1] == math.inf


@pytest.mark.parametrize("y", [[0, 0, 0], [1, 1, 1]])
def test_outcomes_of_one_kind_do_not_pass(y):
    assert not calibration_gate(y, [0.1, 0.2, 0.3]).is_passed


def test_no_rows_and_wrong_rates_are_refused_by_name():
    with pytest.raises(DataError):
        calibration_gate([], [])
    with pytest.raises(ConfigError) as caught:
        prior_shift([0.5], 0.0, 0.1)
    assert caught.value.where == "trained_rate"
    with pytest.raises(ConfigError):
        expected_calibration_error([0], [0.1], bins=0)


@pytest.mark.parametrize(
    ("slope", "words"), [(0.797, "0.797"), (0.79996, "0.79996"), (0.41, "0.41"), (1.2504, "1.2504")]
)
def test_a_reason_has_digits_enough_to_tell_it_from_the_limit_it_breaks(slope: float, words: str) -> None:
    rng = np.random.default_rng(4)
    # The fitted slope of outcomes drawn by p is 1; stretching the logits by 1 / slope makes it that slope, exactly.
    p = rng.beta(2.0, 12.0, 40_000)
    y = rng.random(p.size) < p
    _, fitted = calibration_line(y, p)
    stretched = 1 / (1 + np.exp(-np.log(p / (1 - p)) * fitted / slope))
    reason = next(reason for reason in calibration_gate(y, stretched).reasons if "slope" in reason)
    assert reason == f"the calibration slope is {words}, not within 0.8 to 1.25"
