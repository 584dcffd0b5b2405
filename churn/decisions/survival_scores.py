"""Judges survival curves against what happened, where some are out of sight before it: Brier score and D-calibration.

Time goes in periods. Of each row: `observed` (n,) the periods seen to their end, and `is_lost`; a loss came in period
`observed` + 1. Curves are (n, K + 1): the chance of being there at the end of period 0, 1, ..., K.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from churn.decisions.checks import Bools, Floats
from churn.errors import DataError

Periods = NDArray[np.int64]
BINS = 10


@dataclass(frozen=True)
class DCalibration:
    """D-calibration (Haider, Hoehn, Davis and Greiner 2020): the curves' values at the times of loss should be spread evenly.

    `shares` (10,) of the rows by tenth of the curve, the lowest first; `p_value` of Pearson's test that they are equal.
    """

    shares: Floats
    statistic: float
    p_value: float

    @property
    def worst(self) -> float:
        """How far the worst tenth is off."""
        return float(np.abs(self.shares - 1.0 / self.shares.size).max())


def product_limit(observed: Periods, is_lost: Bools, periods: int) -> tuple[Floats, Floats]:
    """Return the hazard of each period (K,) and how many were at risk in it (K,): the product-limit estimate."""
    lost = np.bincount(observed[is_lost], minlength=periods)[:periods].astype(np.float64)
    at_risk = np.array([np.count_nonzero(observed > k) for k in range(periods)], dtype=np.float64) + lost
    return np.divide(lost, at_risk, out=np.zeros(periods), where=at_risk > 0), at_risk


def in_sight(observed: Periods, is_lost: Bools, periods: int) -> Floats:
    """Return the product-limit estimate of not being out of sight at the end of period 0, ..., K, (K + 1,).

    Whoever is out of sight after period k was there at its end; losses of a period come before.
    """
    gone = np.bincount(observed[~is_lost], minlength=periods + 1)[: periods + 1].astype(np.float64)
    later = np.array([np.count_nonzero((observed > k) | ((observed == k) & is_lost)) for k in range(periods + 1)])
    at_risk = gone + later
    return np.asarray(
        np.multiply.accumulate(1.0 - np.divide(gone, at_risk, out=np.zeros(periods + 1), where=at_risk > 0))
    )


def brier_scores(curves: Floats, observed: Periods, is_lost: Bools) -> Floats:
    """Return the Brier score at the end of each period 1..K, (K,), weighted by the inverse chance of being in sight.

    Graf, Schmoor, Sauerbrei and Schumacher 1999. Raises DataError where nobody is in sight in one of them.
    """
    periods = curves.shape[1] - 1
    sight = in_sight(observed, is_lost, periods)
    if sight[periods - 1] <= 0.0:
        raise DataError("nobody is in sight in the last period", where="observed")
    scores = np.empty(periods)
    for k in range(1, periods + 1):
        there = curves[:, k]
        is_gone = is_lost & (observed < k)
        weight_gone = 1.0 / sight[observed[is_gone]]
        squares = float(np.sum(there[is_gone] ** 2 * weight_gone))
        stays = observed >= k
        squares += float(np.sum((1.0 - there[stays]) ** 2)) / float(sight[k - 1])
        scores[k - 1] = squares / observed.size
    return scores


def integrated_brier(curves: Floats, observed: Periods, is_lost: Bools) -> float:
    """Return the mean of the Brier scores over the periods."""
    return float(brier_scores(curves, observed, is_lost).mean())


def d_calibration(
    curves: Floats, observed: Periods, is_lost: Bools, *, independent: float | None = None
) -> DCalibration:
    """Return how evenly the curves' values at the times of loss are spread over tenths of 0..1.

    A loss within a period counts evenly over the values that the curve runs through in it, for only the period is known.
    Whoever is out of sight at a value s counts evenly over 0..s (the authors' rule). `independent` is how many
    rows' worth of evidence there are where rows repeat customers; all rows if not given.
    """
    from scipy.stats import chi2

    rows, last = np.arange(observed.size), curves.shape[1] - 1
    within = is_lost & (observed < last)
    top = curves[rows, np.minimum(observed, last)]
    bottom = np.where(within, curves[rows, np.minimum(observed + 1, last)], 0.0)
    edges = np.linspace(0.0, 1.0, BINS + 1)
    width = np.maximum(top - bottom, 1e-12)
    overlap = np.clip(np.minimum(top[:, None], edges[1:]) - np.maximum(bottom[:, None], edges[:-1]), 0.0, None)
    mass = overlap / width[:, None]
    empty = mass.sum(axis=1) < 0.5  # a curve that is flat where it should not be: its one value
    mass[empty] = 0.0
    mass[empty, np.minimum((top[empty] * BINS).astype(np.int64), BINS - 1)] = 1.0
    shares = mass.mean(axis=0)
    size = observed.size if independent is None else independent
    statistic = float(size * np.sum((shares - 1.0 / BINS) ** 2) * BINS)
    return DCalibration(shares, statistic, float(chi2.sf(statistic, BINS - 1)))
