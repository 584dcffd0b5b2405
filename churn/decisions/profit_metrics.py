"""MPC and EMPC: the profit per customer that a ranking makes possible, free of any chosen threshold.

Verbraken, Verbeke and Baesens 2013 (IEEE TKDE 25(5), 961-973). With pi0 the share of churners, F0 and F1 the shares of
churners and of stayers above the cut, delta = d / CLV and phi = f / CLV:

    P(t; gamma) = CLV (gamma (1 - delta) - phi) pi0 F0 - CLV (delta + phi) pi1 F1

MPC is its maximum at the mean gamma, EMPC the expectation of its maximum under gamma ~ Beta(alpha, beta).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from churn.decisions.checks import Floats, finite, outcomes
from churn.errors import ConfigError, DataError


def mpc_score(
    y: ArrayLike,
    score: ArrayLike,
    *,
    clv: float = 200.0,
    incentive_cost: float = 10.0,
    contact_cost: float = 1.0,
    alpha: float = 6.0,
    beta: float = 14.0,
) -> tuple[float, float]:
    """Return (maximum profit per customer in money, share of customers contacted for it).

    `y` (n,) outcomes, 1 = churned; `score` (n,) any number that ranks. The success rate is alpha / (alpha + beta).
    Raises DataError when only one class is present, ConfigError when CLV does not exceed the incentive.
    """
    churner_share, stayer_share, base = _hull(y, score)
    delta, phi = _relative_costs(clv, incentive_cost, contact_cost)
    gamma = alpha / (alpha + beta)
    profit = clv * ((gamma * (1.0 - delta) - phi) * base * churner_share - (delta + phi) * (1.0 - base) * stayer_share)
    best = int(np.argmax(profit))
    return float(profit[best]), float(base * churner_share[best] + (1.0 - base) * stayer_share[best])


def empc_score(
    y: ArrayLike,
    score: ArrayLike,
    *,
    clv: float = 200.0,
    incentive_cost: float = 10.0,
    contact_cost: float = 1.0,
    alpha: float = 6.0,
    beta: float = 14.0,
) -> tuple[float, float]:
    """Return (expected maximum profit per customer in money, expected share contacted), exactly.

    The best cut for a success rate gamma is a vertex of the upper convex hull of the ROC curve, and each vertex is best
    on one interval of gamma, so the expectation is a finite sum of incomplete beta terms. Arguments as `mpc_score`.
    """
    from scipy.special import betainc

    churner_share, stayer_share, base = _hull(y, score)
    delta, phi = _relative_costs(clv, incentive_cost, contact_cost)
    stayers = 1.0 - base
    with np.errstate(divide="ignore", invalid="ignore"):
        slope = stayers * (delta + phi) * np.diff(stayer_share) / (base * np.diff(churner_share))
    slope = np.where(np.isnan(slope), np.inf, slope)  # an edge of stayers alone, where contacting them costs nothing
    rising = (slope + phi) / (1.0 - delta)
    edges = np.concatenate([[0.0], np.clip(rising, 0.0, 1.0), [1.0]])
    weight = np.diff(betainc(alpha, beta, edges))
    mean_weight = np.diff(betainc(alpha + 1.0, beta, edges)) * alpha / (alpha + beta)
    gain = clv * (1.0 - delta) * base * churner_share
    loss = clv * (phi * base * churner_share + (delta + phi) * stayers * stayer_share)
    contacted = base * churner_share + stayers * stayer_share
    return float(np.sum(gain * mean_weight - loss * weight)), float(np.sum(contacted * weight))


def _relative_costs(clv: float, incentive_cost: float, contact_cost: float) -> tuple[float, float]:
    if not (clv > 0 and 0 <= incentive_cost < clv and contact_cost >= 0):
        raise ConfigError(
            f"needs 0 <= incentive_cost < clv and contact_cost >= 0, got {incentive_cost}, {clv}, {contact_cost}",
            where="clv",
        )
    return incentive_cost / clv, contact_cost / clv


def _hull(y: ArrayLike, score: ArrayLike) -> tuple[Floats, Floats, float]:
    """Vertices of the upper ROC hull from (0, 0) to (1, 1), as shares of churners and of stayers, and the base rate.

    The isotonic fit of outcomes on falling score pools exactly the rows that lie under one edge of the hull, and does
    so in linear time: its blocks are the edges. Rows of equal score enter as one weighted point.
    """
    from scipy.optimize import isotonic_regression

    ranked = finite("score", score)
    truth = outcomes("y", y, ranked.size)
    total, churners = ranked.size, int(np.count_nonzero(truth))
    if not 0 < churners < total:
        raise DataError("needs both churners and stayers", where="y", remedy="Judge a ranking on more rows.")
    order = np.argsort(ranked)[::-1]
    falling, hit = ranked[order], truth[order]
    last = np.flatnonzero(np.concatenate([falling[1:] != falling[:-1], [True]]))
    true_counts = np.cumsum(hit)[last]
    counts = last + 1
    size = np.diff(counts, prepend=0).astype(np.float64)
    blocks = isotonic_regression(np.diff(true_counts, prepend=0) / size, weights=size, increasing=False).blocks
    ends = blocks[1:] - 1
    above = np.concatenate([[0], true_counts[ends]]).astype(np.float64)
    contacted = np.concatenate([[0], counts[ends]]).astype(np.float64)
    return above / churners, (contacted - above) / (total - churners), churners / total
