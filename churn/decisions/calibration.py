"""Says how far probabilities can be trusted as probabilities, and refuses money answers when they cannot."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from churn.decisions.checks import Bools, Floats, finite, outcomes, probabilities
from churn.errors import ConfigError, DataError

SLOPE_LIMITS = (0.8, 1.25)
MEAN_GAP_LIMIT = 0.10
MEAN_GAP_END = 0.25  # no smallness of a sample excuses more
CHANCE = 2.5758  # two-sided 99 % of the normal distribution
_EDGE = 1e-6  # a probability of exactly 0 or 1 has no logit


@dataclass(frozen=True)
class BrierParts:
    """Mean squared error of a probability and its parts (Murphy 1973).

    score = reliability - resolution + uncertainty + within_bins, exactly; `within_bins` is 0 when every bin holds one
    distinct probability. Reliability: how far bins are off (less is better). Resolution: how far they differ.
    """

    score: float
    reliability: float
    resolution: float
    uncertainty: float
    within_bins: float
    bins: int


@dataclass(frozen=True)
class Gate:
    """Whether money answers are allowed: slope within 0.8..1.25 and mean within 10 % of the base rate, or within chance.

    `mean_gap` is (mean p - base rate) / base rate; `reasons` says in words what failed.
    """

    is_passed: bool
    slope: float
    mean_gap: float
    intercept: float
    base_rate: float
    reasons: tuple[str, ...]


def brier_parts(y: ArrayLike, p: ArrayLike, *, bins: int = 10) -> BrierParts:
    """Return the Brier score of probabilities `p` (n,) against outcomes `y` (n,), split on `bins` equal-mass bins."""
    truth, predicted = _pair(y, p)
    observed, expected, mass = _bin_means(truth, predicted, bins)
    base = float(truth.mean())
    score = float(np.mean((predicted - truth) ** 2))
    reliability = float(np.sum(mass * (expected - observed) ** 2))
    resolution = float(np.sum(mass * (observed - base) ** 2))
    uncertainty = base * (1.0 - base)
    within = score - (reliability - resolution + uncertainty)
    return BrierParts(score, reliability, resolution, uncertainty, within, int(mass.size))


def expected_calibration_error(y: ArrayLike, p: ArrayLike, *, bins: int = 10) -> float:
    """Return the mean gap between predicted and observed share over `bins` equal-mass bins, 0..1.

    Equal probabilities share a bin, so the order of rows does not matter. Naeini and others 2015, on equal mass.
    """
    observed, expected, mass = _bin_means(*_pair(y, p), bins)
    return float(np.sum(mass * np.abs(expected - observed)))


def reliability_curve(y: ArrayLike, p: ArrayLike, *, bins: int = 10) -> tuple[Floats, Floats, Floats]:
    """Return (mean predicted, observed share, share of rows) of each equal-mass bin, for a calibration plot."""
    observed, expected, mass = _bin_means(*_pair(y, p), bins)
    return expected, observed, mass


def calibration_line(y: ArrayLike, p: ArrayLike) -> tuple[float, float]:
    """Return (intercept, slope) of logit P(y = 1) = a + b logit(p); a calibrated p has (0, 1). Cox 1958.

    The slope is NaN where all probabilities are the same, infinite where they separate the outcomes perfectly.
    """
    from scipy.special import logit

    truth, predicted = _pair(y, p)
    x = logit(np.clip(predicted, _EDGE, 1.0 - _EDGE))
    t = truth.astype(np.float64)
    base = float(t.mean())
    if base in {0.0, 1.0} or np.ptp(x) < 1e-12:
        return (math.nan if base in {0.0, 1.0} else float(logit(base) - x.mean()), math.nan)
    return _newton(x, t)


def prior_shift(p: ArrayLike, trained_rate: float, true_rate: float) -> Floats:
    """Return probabilities learnt at `trained_rate` of churners as they are at `true_rate`, elementwise.

    p' = p k / (p k + (1 - p) j), k = true / trained, j = (1 - true) / (1 - trained). Elkan 2001; King and Zeng 2001.
    """
    for name, rate in (("trained_rate", trained_rate), ("true_rate", true_rate)):
        if not 0.0 < rate < 1.0:
            raise ConfigError(f"{rate} is not a share strictly between 0 and 1", where=name)
    values = probabilities("p", np.atleast_1d(np.asarray(p, dtype=np.float64)))
    up = values * (true_rate / trained_rate)
    return up / (up + (1.0 - values) * ((1.0 - true_rate) / (1.0 - trained_rate)))


def calibration_gate(y: ArrayLike, p: ArrayLike) -> Gate:
    """Return whether probabilities `p` may be turned into money, judged on outcomes `y` of rows not trained on.

    A gap of the means beyond the limit counts when it is also more than chance explains (99 %, binomial): 180 churners
    are 10 % off in one sample of six without anything being wrong. Beyond 25 % it counts however few the rows.
    """
    truth, predicted = _pair(y, p)
    base, mean = float(truth.mean()), float(predicted.mean())
    intercept, slope = calibration_line(truth, predicted)
    gap = (mean - base) / base if base > 0 else math.inf
    reasons = []
    if not SLOPE_LIMITS[0] <= slope <= SLOPE_LIMITS[1]:
        word = "undefined: all scores are the same" if math.isnan(slope) else _told_apart(slope, *SLOPE_LIMITS)
        reasons.append(f"the calibration slope is {word}, not within {SLOPE_LIMITS[0]} to {SLOPE_LIMITS[1]}")
    by_chance = CHANCE * math.sqrt(float(np.sum(predicted * (1.0 - predicted)))) / max(float(truth.sum()), 1.0)
    if not abs(gap) < min(max(MEAN_GAP_LIMIT, by_chance), MEAN_GAP_END):
        reasons.append(
            f"the mean probability is {mean:.2%} where {base:.2%} churned, {_told_apart(100 * abs(gap), 100 * MEAN_GAP_LIMIT)} % "
            f"apart, more than {MEAN_GAP_LIMIT:.0%}"
        )
    return Gate(not reasons, slope, gap, intercept, base, tuple(reasons))


def _told_apart(value: float, *limits: float) -> str:
    """Return a number with as many digits as tell it from the limits it breaks: 0.797 is not "0.80, not within 0.8"."""
    for digits in range(2, 12):
        text = f"{value:.{digits}f}"
        if all(float(text) != limit for limit in limits):
            return text
    return f"{value}"


def _pair(y: ArrayLike, p: ArrayLike) -> tuple[Bools, Floats]:
    predicted = probabilities("p", finite("p", p))
    if not predicted.size:
        raise DataError("holds no rows", where="p", remedy="Calibration needs outcomes to judge by.")
    return outcomes("y", y, predicted.size), predicted


def _bin_means(truth: Bools, predicted: Floats, bins: int) -> tuple[Floats, Floats, Floats]:
    """Observed share, mean probability and mass of equal-mass bins; ties stay together by their middle rank."""
    if bins < 1:
        raise ConfigError(f"{bins} is not a number of bins, 1 or more", where="bins")
    distinct, group, counts = np.unique(predicted, return_inverse=True, return_counts=True)
    middle = np.cumsum(counts) - counts / 2.0
    if distinct.size <= bins:
        bin_of_group = np.arange(distinct.size)
    else:
        bin_of_group = np.minimum((middle * (bins / predicted.size)).astype(np.int64), bins - 1)
    churners = np.bincount(group, weights=truth)
    width = int(bin_of_group[-1]) + 1
    mass = np.bincount(bin_of_group, weights=counts, minlength=width)
    observed = np.bincount(bin_of_group, weights=churners, minlength=width)
    expected = np.bincount(bin_of_group, weights=distinct * counts, minlength=width)
    filled = mass > 0
    mass = mass[filled]
    return observed[filled] / mass, expected[filled] / mass, mass / predicted.size


def _newton(x: Floats, t: Floats) -> tuple[float, float]:
    """Maximum likelihood of a two-parameter logistic line: Newton steps, halved while the likelihood would fall."""
    from scipy.special import expit, logit

    centre = x.mean()
    z = x - centre
    a, b = float(logit(t.mean())), 0.0
    best = _log_likelihood(a + b * z, t)
    for _ in range(100):
        fitted = expit(a + b * z)
        weight = fitted * (1.0 - fitted)
        s0, s1, s2 = weight.sum(), (weight * z).sum(), (weight * z * z).sum()
        g0, g1 = (t - fitted).sum(), ((t - fitted) * z).sum()
        determinant = s0 * s2 - s1 * s1
        if determinant <= 1e-12 * max(s0 * s2, 1e-300):
            return (math.nan, math.copysign(math.inf, b))
        step_a, step_b = (s2 * g0 - s1 * g1) / determinant, (s0 * g1 - s1 * g0) / determinant
        size = 1.0
        while size > 1e-8 and _log_likelihood(a + size * step_a + (b + size * step_b) * z, t) < best:
            size /= 2.0
        a, b = a + size * step_a, b + size * step_b
        best = _log_likelihood(a + b * z, t)
        if max(abs(size * step_a), abs(size * step_b)) < 1e-10:
            break
    if best > -1e-6 * t.size:  # the outcomes are separated: the likelihood has no maximum
        return (math.nan, math.copysign(math.inf, b))
    return (float(a - b * centre), float(b))


def _log_likelihood(line: Floats, t: Floats) -> float:
    return float(np.sum(t * line - np.logaddexp(0.0, line)))
