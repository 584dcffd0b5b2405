"""The statistics of models against other people's code: statsmodels on the same rows."""

from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm
from numpy.typing import NDArray
from scipy.special import expit, logit
from statsmodels.stats.proportion import proportion_confint

from churn.decisions.calibration import calibration_line
from churn.decisions.fairness import Share
from churn.modeling.judging.calibration import fit_calibrator

Floats = NDArray[np.float64]


def scored(seed: int, n: int = 4_000, *, tilt: float = 1.0, shift: float = 0.0) -> tuple[Floats, Floats]:
    """Return outcomes and predicted probabilities whose log-odds are `tilt` times too wide and `shift` too high."""
    rng = np.random.default_rng(seed)
    odds = rng.normal(-1.5, 1.2, n)
    y = (rng.random(n) < expit(odds)).astype(np.float64)
    return y, expit(tilt * odds + shift)


@pytest.mark.parametrize(("tilt", "shift"), [(1.0, 0.0), (1.8, 0.4), (0.5, -1.0)])
def test_calibration_slope_and_intercept_are_those_of_a_logit_regression(tilt: float, shift: float) -> None:
    y, p = scored(1, tilt=tilt, shift=shift)
    fitted = sm.Logit(y, sm.add_constant(logit(p))).fit(disp=False)
    intercept, slope = calibration_line(y, p)
    assert (intercept, slope) == pytest.approx(tuple(fitted.params), abs=1e-6)


def test_platt_is_a_logit_regression_on_the_log_odds() -> None:
    y, p = scored(2, tilt=1.6)
    raw = logit(p)
    calibrated = fit_calibrator(raw, y, raw_unit="log_odds", method="platt", seed=1)(raw)
    fitted = sm.Logit(y, sm.add_constant(raw)).fit(disp=False)
    assert calibrated == pytest.approx(fitted.predict(), abs=1e-6)


def test_the_share_of_a_group_has_the_wilson_interval_of_statsmodels() -> None:
    for hits, n in ((0, 9), (3, 40), (120, 400), (400, 400)):
        share = Share.of(hits, n)
        low, high = proportion_confint(hits, n, method="wilson")
        assert (share.low, share.high) == pytest.approx((low, high), abs=1e-9)
