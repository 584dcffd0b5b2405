from __future__ import annotations

import json
from dataclasses import asdict

import numpy as np
import pytest
from pydantic import TypeAdapter, ValidationError
from scipy.special import expit, logit

from churn.decisions.calibration import calibration_gate
from churn.modeling.judging.calibration import Calibrator, fit_calibrator

READER = TypeAdapter(Calibrator)


def outcomes(odds, seed=0):
    return (np.random.default_rng(seed).random(odds.size) < expit(odds)).astype(np.float64)


def test_platt_mends_scores_that_are_off_by_a_line():
    odds = np.random.default_rng(1).normal(-2.0, 1.0, 20_000)
    fitted = fit_calibrator(3.0 * odds + 1.0, outcomes(odds), raw_unit="log_odds", method="platt", seed=1)
    assert fitted(3.0 * odds + 1.0) == pytest.approx(expit(odds), abs=0.05)


def test_isotonic_mends_scores_that_are_off_by_a_curve():
    odds = np.random.default_rng(2).normal(-1.0, 1.5, 30_000)
    raw = expit(odds) ** 3
    fitted = fit_calibrator(raw, outcomes(odds), raw_unit="probability", method="isotonic", seed=1)
    assert np.mean(np.abs(fitted(raw) - expit(odds))) < 0.02


def test_auto_takes_the_curve_where_a_line_does_not_fit_and_churners_are_many():
    odds = np.random.default_rng(3).normal(-1.0, 1.5, 30_000)
    raw = np.where(odds > -1.0, 5.0 * odds, odds)  # two slopes
    assert fit_calibrator(raw, outcomes(odds), raw_unit="log_odds", method="auto", seed=1).method == "isotonic"
    few = slice(0, 2_000)
    assert fit_calibrator(raw[few], outcomes(odds)[few], raw_unit="log_odds", method="auto", seed=1).method == "platt"


@pytest.mark.parametrize("method", ["platt", "isotonic"])
def test_calibration_never_turns_two_customers_round_and_nobody_is_certain(method):
    odds = np.random.default_rng(4).normal(-1.0, 2.0, 5_000)
    fitted = fit_calibrator(odds, outcomes(odds), raw_unit="log_odds", method=method, seed=1)
    p = fitted(np.linspace(-50, 50, 2_001))
    assert (np.diff(p) >= 0).all()
    assert 0 < p.min() < p.max() < 1


def test_a_worthless_or_backward_score_keeps_the_base_rate_and_its_order():
    rng = np.random.default_rng(5)
    raw = rng.normal(size=4_000)
    backward = outcomes(-raw - 2.0)
    fitted = fit_calibrator(raw, backward, raw_unit="log_odds", method="platt", seed=1)
    p = fitted(raw)
    assert p.mean() == pytest.approx(backward.mean(), rel=0.01)
    assert np.ptp(p) < 0.01
    assert np.array_equal(np.argsort(p), np.argsort(raw))


def test_a_score_that_separates_the_outcomes_still_gets_finite_probabilities():
    raw = np.concatenate([np.linspace(-2, -1, 100), np.linspace(1, 2, 50)])
    y = (raw > 0).astype(np.float64)
    p = fit_calibrator(raw, y, raw_unit="log_odds", method="platt", seed=1)(raw)
    assert np.isfinite(p).all()
    assert p[y > 0].min() > p[y <= 0].max()


def test_a_calibrated_score_passes_the_gate():
    odds = np.random.default_rng(6).normal(-2.0, 1.0, 40_000)
    y = outcomes(odds)
    fitted = fit_calibrator(0.3 * odds[:20_000], y[:20_000], raw_unit="log_odds", method="auto", seed=1)
    assert calibration_gate(y[20_000:], fitted(0.3 * odds[20_000:])).is_passed


@pytest.mark.parametrize("method", ["platt", "isotonic"])
def test_a_calibrator_survives_json(method):
    odds = np.random.default_rng(7).normal(-1.0, 1.0, 3_000)
    fitted = fit_calibrator(expit(odds), outcomes(odds), raw_unit="probability", method=method, seed=1)
    again = READER.validate_python(json.loads(json.dumps(asdict(fitted))))
    assert np.array_equal(again(expit(odds)), fitted(expit(odds)))
    assert again.method == method


def test_an_unknown_calibrator_is_refused():
    with pytest.raises(ValidationError):
        READER.validate_python({"method": "wishful"})


def test_platt_on_probabilities_is_a_line_in_log_odds():
    odds = np.random.default_rng(8).normal(-1.0, 1.0, 20_000)
    p = fit_calibrator(expit(odds), outcomes(odds), raw_unit="probability", method="platt", seed=1)(expit(odds))
    assert logit(p) == pytest.approx(odds, abs=0.15)
