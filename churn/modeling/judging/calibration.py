"""Turns raw scores into probabilities, by a curve fitted on rows later than those the model learnt from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np
from scipy.special import expit, logit

from churn.decisions.calibration import calibration_line
from churn.modeling.candidates import RawUnit
from churn.modeling.encoding.columns import Floats

Method = Literal["auto", "isotonic", "platt"]
ISOTONIC_CHURNERS = 1_000  # fewer, and the steps of an isotonic curve are noise
_MIN_SLOPE = 1e-3  # a worthless score must not turn the ranking round
_FOLDS = 5


class Calibrator(Protocol):
    """Maps raw scores (n,) to churn probabilities (n,), never turning the order of two customers round."""

    @property
    def method(self) -> str:
        """`isotonic` or `platt`."""
        ...

    def __call__(self, raw_score: Floats) -> Floats:
        """Return the probabilities."""
        ...

    def to_json(self) -> dict[str, Any]:
        """Return the state as plain values."""
        ...


@dataclass(frozen=True)
class Platt:
    """A logistic curve over the log-odds of the raw score: sigmoid(intercept + slope x log-odds). Platt 1999."""

    intercept: float
    slope: float
    raw_unit: RawUnit

    @property
    def method(self) -> str:
        """Its name in settings and cards."""
        return "platt"

    def __call__(self, raw_score: Floats) -> Floats:
        """Return the probabilities."""
        return np.asarray(expit(self.intercept + self.slope * _log_odds(raw_score, self.raw_unit)), dtype=np.float64)

    def to_json(self) -> dict[str, Any]:
        """Return the state as plain values."""
        return {"method": "platt", "intercept": self.intercept, "slope": self.slope, "raw_unit": self.raw_unit}


@dataclass(frozen=True)
class Isotonic:
    """A rising curve of straight pieces through the points (x, y), flat beyond them. Zadrozny and Elkan 2002."""

    x: tuple[float, ...]
    y: tuple[float, ...]

    @property
    def method(self) -> str:
        """Its name in settings and cards."""
        return "isotonic"

    def __call__(self, raw_score: Floats) -> Floats:
        """Return the probabilities."""
        return np.asarray(np.interp(raw_score, self.x, self.y), dtype=np.float64)

    def to_json(self) -> dict[str, Any]:
        """Return the state as plain values."""
        return {"method": "isotonic", "x": list(self.x), "y": list(self.y)}


def calibrator_from_json(values: Mapping[str, Any]) -> Calibrator:
    """Return the calibrator that `to_json` wrote. Raises KeyError or TypeError where it is not one."""
    if values["method"] == "platt":
        return Platt(float(values["intercept"]), float(values["slope"]), values["raw_unit"])
    if values["method"] == "isotonic":
        return Isotonic(tuple(values["x"]), tuple(values["y"]))
    raise KeyError(values["method"])


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
    return Platt(float(intercept), float(slope), raw_unit)


def _fit_isotonic(raw_score: Floats, y: Floats) -> Isotonic:
    from sklearn.isotonic import IsotonicRegression

    fitted = IsotonicRegression(out_of_bounds="clip").fit(raw_score, y)
    x = np.asarray(fitted.X_thresholds_, dtype=np.float64)
    # Nobody is certain to stay or to leave: the ends keep half a customer of doubt.
    doubt = 0.5 / (y.size + 1.0)
    p = np.clip(np.asarray(fitted.y_thresholds_, dtype=np.float64), doubt, 1.0 - doubt)
    return Isotonic(tuple(x.tolist()), tuple(p.tolist()))


def _log_odds(raw_score: Floats, raw_unit: RawUnit) -> Floats:
    if raw_unit == "log_odds":
        return np.clip(raw_score, -13.0, 13.0)  # where expit and back still tell numbers apart
    return np.asarray(logit(np.clip(raw_score, 1e-6, 1.0 - 1e-6)), dtype=np.float64)
