"""Turns raw scores into probabilities by a curve that is fitted on rows later than the training rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from churn.decisions.calibration import calibration_line
from churn.modeling.candidates import RawUnit
from churn.modeling.encoding.columns import Floats

Method = Literal["auto", "isotonic", "platt"]
ISOTONIC_CHURNERS = 1_000  # with fewer, the steps of an isotonic curve are noise
_MIN_SLOPE = 1e-3  # keeps the slope positive: a worthless score must not reverse the ranking
_FOLDS = 5


@dataclass(frozen=True, kw_only=True)
class Platt:
    """A logistic curve over the log-odds of the raw score: sigmoid(intercept + slope x log-odds). Platt 1999."""

    method: Literal["platt"] = "platt"
    intercept: float
    slope: float
    raw_unit: RawUnit

    def __call__(self, raw_score: Floats) -> Floats:
        """Return the probabilities."""
        from scipy.special import expit

        return np.asarray(expit(self.intercept + self.slope * _log_odds(raw_score, self.raw_unit)), dtype=np.float64)


@dataclass(frozen=True, kw_only=True)
class Isotonic:
    """A rising curve of straight pieces through the points (x, y), flat beyond them. Zadrozny and Elkan 2002."""

    method: Literal["isotonic"] = "isotonic"
    x: tuple[float, ...]
    y: tuple[float, ...]

    def __call__(self, raw_score: Floats) -> Floats:
        """Return the probabilities."""
        return np.asarray(np.interp(raw_score, self.x, self.y), dtype=np.float64)


# Maps raw scores (n,) to churn probabilities (n,), and never reverses the order of two customers.
Calibrator = Annotated[Platt | Isotonic, Field(discriminator="method")]


def fit_calibrator(raw_score: Floats, y: Floats, *, raw_unit: RawUnit, method: Method, seed: int) -> Calibrator:
    """Fit on the calibration slice: raw scores and outcomes 0/1, each (n,), with both outcomes present.

    `auto` takes whichever has the lower log loss in five folds of the slice, and isotonic only with 1,000 churners.
    """
    if method == "isotonic":
        return _fit_isotonic(raw_score, y)
    if method == "platt" or y.sum() < ISOTONIC_CHURNERS:
        return _fit_platt(raw_score, y, raw_unit)
    fold = np.random.default_rng(seed).permutation(y.size) % _FOLDS
    loss = {"platt": 0.0, "isotonic": 0.0}
    for k in range(_FOLDS):
        held, rest = fold == k, fold != k
        for name, fitted in (
            ("platt", _fit_platt(raw_score[rest], y[rest], raw_unit)),
            ("isotonic", _fit_isotonic(raw_score[rest], y[rest])),
        ):
            p = np.clip(fitted(raw_score[held]), 1e-7, 1.0 - 1e-7)
            loss[name] -= float(np.sum(y[held] * np.log(p) + (1.0 - y[held]) * np.log1p(-p)))
    return _fit_isotonic(raw_score, y) if loss["isotonic"] < loss["platt"] else _fit_platt(raw_score, y, raw_unit)


def _fit_platt(raw_score: Floats, y: Floats, raw_unit: RawUnit) -> Platt:
    # Platt's targets: not quite 0 and 1, so that a slice whose outcomes the score separates has a finite curve too.
    from scipy.special import expit, logit

    x = _log_odds(raw_score, raw_unit)
    churners = float(y.sum())
    low, high = 1.0 / (y.size - churners + 2.0), (churners + 1.0) / (churners + 2.0)
    intercept, slope = calibration_line(y, expit(x))
    if not (np.isfinite(intercept) and np.isfinite(slope)) or slope > 20.0:
        spread = float(x[y > 0].mean() - x[y <= 0].mean())
        slope = (float(logit(high)) - float(logit(low))) / spread if spread > 1e-9 else _MIN_SLOPE
        intercept = float(logit(np.clip(y.mean(), low, high))) - slope * float(x.mean())
    if slope < _MIN_SLOPE:
        slope = _MIN_SLOPE
        intercept = float(logit(np.clip(y.mean(), low, high))) - slope * float(x.mean())
    return Platt(intercept=float(intercept), slope=float(slope), raw_unit=raw_unit)


def _fit_isotonic(raw_score: Floats, y: Floats) -> Isotonic:
    from sklearn.isotonic import IsotonicRegression

    fitted = IsotonicRegression(out_of_bounds="clip").fit(raw_score, y)
    x = np.asarray(fitted.X_thresholds_, dtype=np.float64)
    # Keep both ends off 0 and 1 by half a customer, since nobody is certain to stay or to leave.
    doubt = 0.5 / (y.size + 1.0)
    p = np.clip(np.asarray(fitted.y_thresholds_, dtype=np.float64), doubt, 1.0 - doubt)
    return Isotonic(x=tuple(x.tolist()), y=tuple(p.tolist()))


def _log_odds(raw_score: Floats, raw_unit: RawUnit) -> Floats:
    from scipy.special import logit

    if raw_unit == "log_odds":
        return np.clip(raw_score, -13.0, 13.0)  # within it logit(expit(x)) still distinguishes numbers
    return np.asarray(logit(np.clip(raw_score, 1e-6, 1.0 - 1e-6)), dtype=np.float64)
