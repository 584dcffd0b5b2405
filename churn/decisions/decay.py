"""Figures of a model on one set of outcomes, each with its standard error, and what they would be if the model is right."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike

from churn.decisions.calibration import calibration_line
from churn.decisions.checks import Bools, Floats, finite, outcomes, probabilities

TOP_SHARE: Final = 0.1
FIGURES: Final = ("auc", "recall", "lift", "slope", "level")
_EDGE = 1e-6


@dataclass(frozen=True)
class Estimate:
    """A figure and its standard error; NaN where the rows do not determine it."""

    value: float
    error: float

    def interval(self, share: float = 0.95) -> tuple[float, float]:
        """Return the range that holds the true figure with probability `share`."""
        from scipy.special import ndtri

        reach = float(ndtri(0.5 + share / 2.0)) * self.error
        return self.value - reach, self.value + reach


def cohort_figures(y: ArrayLike, p: ArrayLike, *, threshold: float) -> dict[str, Estimate]:
    """Return the figures of probabilities `p` (n,) on outcomes `y` (n,), one row per customer.

    auc: DeLong and others 1988. recall: share of churners with p >= threshold, binomial. lift: density of churn in the
    top tenth over the average, delta method. slope: of logit P(y) = a + b logit(p), information matrix. level: churners
    over expected churners, Poisson-binomial.
    """
    predicted = probabilities("p", finite("p", p))
    truth = outcomes("y", y, predicted.size)
    churners = int(truth.sum())
    if not 0 < churners < truth.size:
        return {name: Estimate(math.nan, math.nan) for name in FIGURES}
    return {
        "auc": _auc(truth, predicted),
        "recall": _recall(truth, predicted, threshold),
        "lift": _lift(truth, predicted),
        "slope": _slope(truth, predicted),
        "level": _level(truth, predicted),
    }


def expected_figures(p: ArrayLike, *, threshold: float) -> dict[str, float]:
    """Return auc, recall, lift and churn rate that probabilities `p` (n,) promise of themselves (confidence-based).

    Each customer counts as p churners and 1 - p stayers. It shows a change of customers, but not a change in how the
    same customers behave, since it trusts the model.
    """
    predicted = probabilities("p", finite("p", p))
    order = np.argsort(-predicted, kind="stable")
    q = predicted[order]
    churn, stay = float(q.sum()), float((1.0 - q).sum())
    if churn <= 0.0 or stay <= 0.0:
        return {"auc": math.nan, "recall": math.nan, "lift": math.nan, "churn_rate": churn / max(q.size, 1)}
    stayers_below = stay - np.cumsum(1.0 - q)
    _, start, counts = np.unique(-q, return_index=True, return_counts=True)
    group = np.repeat(np.arange(start.size), counts)
    tied = np.add.reduceat(1.0 - q, start)[group]
    below = stayers_below[start + counts - 1][group]
    auc = float(q @ (below + 0.5 * tied)) / (churn * stay)
    top = max(1, round(TOP_SHARE * q.size))
    recall = float(q[q >= threshold].sum()) / churn
    return {"auc": auc, "recall": recall, "lift": float(q[:top].mean() / q.mean()), "churn_rate": churn / q.size}


def decay_limit(tests: int, *, level: float) -> float:
    """Return how many standard errors a difference must exceed, so that `tests` of them err with `1 - level` together."""
    from scipy.special import ndtri

    return float(ndtri(1.0 - (1.0 - level) / (2.0 * tests)))


def difference(now: Estimate, then: Estimate) -> Estimate:
    """Return `now - then` of two independent sets of rows."""
    return Estimate(now.value - then.value, math.hypot(now.error, then.error))


def mean_of(figures: Mapping[str, Estimate], name: str) -> float:
    """Return a figure's value, NaN where it is absent."""
    return figures[name].value if name in figures else math.nan


def _auc(truth: Bools, p: Floats) -> Estimate:
    from scipy.stats import rankdata

    ones, zeros = int(truth.sum()), int((~truth).sum())
    everyone = rankdata(p)
    of_churner = (everyone[truth] - rankdata(p[truth])) / zeros  # share of stayers below each churner
    of_stayer = 1.0 - (everyone[~truth] - rankdata(p[~truth])) / ones
    spread = np.var(of_churner) / max(ones - 1, 1) + np.var(of_stayer) / max(zeros - 1, 1)
    return Estimate(float(of_churner.mean()), float(math.sqrt(spread)))


def _share(hits: float, size: int) -> Estimate:
    # Agresti and Coull: an error of zero at 0 % and 100 % would make everything significant.
    middle = (hits + 2.0) / (size + 4.0)
    return Estimate(hits / size, math.sqrt(middle * (1.0 - middle) / (size + 4.0)))


def _recall(truth: Bools, p: Floats, threshold: float) -> Estimate:
    if not math.isfinite(threshold):
        return Estimate(math.nan, math.nan)
    return _share(float(np.count_nonzero(p[truth] >= threshold)), int(truth.sum()))


def _lift(truth: Bools, p: Floats) -> Estimate:
    size = max(1, round(TOP_SHARE * p.size))
    order = np.argsort(-p, kind="stable")
    edge = p[order[size - 1]]
    above, tied = p > edge, p == edge
    wanted = size - int(above.sum())
    hits = float(truth[above].sum()) + wanted * float(truth[tied].mean())  # equal scores: their average
    rate = float(truth.mean())
    precision = _share(hits, size)
    value = precision.value / rate
    relative = math.hypot(precision.error / max(precision.value, 1e-9), math.sqrt((1.0 - rate) / (rate * p.size)))
    return Estimate(value, value * relative if value else precision.error / rate)


def _slope(truth: Bools, p: Floats) -> Estimate:
    from scipy.special import logit

    intercept, slope = calibration_line(truth, p)
    if not (math.isfinite(slope) and math.isfinite(intercept)):
        return Estimate(math.nan, math.nan)
    x = logit(np.clip(p, _EDGE, 1.0 - _EDGE))
    fitted = 1.0 / (1.0 + np.exp(-(intercept + slope * x)))
    weight = fitted * (1.0 - fitted)
    centre = float(weight @ x / weight.sum())
    information = float(weight @ (x - centre) ** 2)
    return Estimate(float(slope), 1.0 / math.sqrt(information) if information > 0 else math.nan)


def _level(truth: Bools, p: Floats) -> Estimate:
    expected = float(p.sum())
    if expected <= 0.0:
        return Estimate(math.nan, math.nan)
    return Estimate(float(truth.sum()) / expected, math.sqrt(float((p * (1.0 - p)).sum())) / expected)
