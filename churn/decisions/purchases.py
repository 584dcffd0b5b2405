"""Customers without a contract: who still buys at all, and how much more they will buy, from when they bought so far.

The BG/NBD model (Fader, Hardie and Lee 2005): while a customer is alive they buy at a rate of their own, gamma(r, alpha) among
customers; after each purchase they drop out for good with a chance of their own, beta(a, b). Of a customer it needs how often
they bought again, `x`, when they bought last, `t_x`, and for how long they have been known, `T`, all counted from the first
purchase and in the same unit of time. Nobody says that they left, so the chance of being alive stands in for a churn date.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from churn.decisions.checks import Floats
from churn.errors import DataError

_LEAST_CUSTOMERS: Final = 100
_STARTS: Final = ((0.5, 5.0, 0.8, 2.5), (1.0, 20.0, 1.0, 1.0), (0.2, 1.0, 0.3, 3.0))
_BOUND: Final = 12.0  # of the logarithm of each parameter
_SERIES: Final = 2_000  # terms of the hypergeometric sum at most


@dataclass(frozen=True)
class BuyingHistory:
    """What n customers bought: `again` counts purchases after the first, `last` is when the newest was, `known` for how long.

    Times are counted from each one's first purchase; `last` is 0 for whoever bought once.
    """

    again: Floats
    last: Floats
    known: Floats

    def __post_init__(self) -> None:
        """Raise DataError for arrays that do not fit, or times that cannot be."""
        if not self.again.shape == self.last.shape == self.known.shape:
            raise DataError("needs as many numbers of purchases as times", where="purchases")
        wrong = (self.again < 0) | (self.last < 0) | (self.last > self.known) | ((self.again == 0) & (self.last > 0))
        if np.any(wrong) or not np.isfinite(self.again + self.last + self.known).all():
            raise DataError(
                f"{int(np.count_nonzero(wrong)):,} customers bought outside the time they were known", where="purchases"
            )


@dataclass(frozen=True)
class BuyingModel:
    """The four numbers of a BG/NBD model; `alpha` is in the unit of time of the history."""

    r: float
    alpha: float
    a: float
    b: float

    def log_likelihood(self, history: BuyingHistory) -> float:
        """Return the log of the chance of the history, summed over customers."""
        return float(_log_likelihoods(self.r, self.alpha, self.a, self.b, history).sum())

    def alive(self, history: BuyingHistory) -> Floats:
        """Return the chance (n,) that each customer still buys; 1 for whoever bought once, as dropping out follows a purchase."""
        x = history.again
        ratio = (self.r + x) * (np.log(self.alpha + history.known) - np.log(self.alpha + history.last))
        odds = np.where(x > 0, self.a / np.maximum(self.b + x - 1.0, 1e-12) * np.exp(np.minimum(ratio, 700.0)), 0.0)
        return np.asarray(1.0 / (1.0 + odds))

    def expected(self, history: BuyingHistory, ahead: float) -> Floats:
        """Return how many purchases (n,) are expected of each within `ahead`, in the unit of time of the history."""
        x, known = history.again, history.known
        z = ahead / (self.alpha + known + ahead)
        hyper = _hypergeometric(self.r + x, self.b + x, self.a + self.b + x - 1.0, z)
        left = ((self.alpha + known) / (self.alpha + known + ahead)) ** (self.r + x)
        total = (self.a + self.b + x - 1.0) / (self.a - 1.0) * (1.0 - left * hyper)
        return np.asarray(np.maximum(total, 0.0) * self.alive(history))

    def next_purchase(self, history: BuyingHistory) -> Floats:
        """Return the time (n,) until the next purchase that is as likely to be earlier as later, of whoever is alive."""
        # Given that they are alive, the rate is gamma(r + x, alpha + T): the wait for a purchase is a Lomax distribution.
        return np.asarray((self.alpha + history.known) * (2.0 ** (1.0 / (self.r + history.again)) - 1.0))


def fit_buying(history: BuyingHistory) -> BuyingModel:
    """Return the most likely model. Raises DataError for too few customers, or where nobody bought again."""
    from scipy import optimize

    if history.again.size < _LEAST_CUSTOMERS or not history.again.any():
        raise DataError(
            f"{history.again.size:,} customers, {int(np.count_nonzero(history.again)):,} of whom bought again, are too few to learn from",
            where="purchases",
            remedy=f"It takes {_LEAST_CUSTOMERS} customers, some of whom bought again.",
        )
    scale = float(history.known.mean())  # so that all parameters are of like size
    scaled, weight = _counted(history, scale)

    def loss(logs: Floats) -> float:
        shape, time, drop, stay = np.exp(np.clip(logs, -_BOUND, _BOUND))
        values = _log_likelihoods(shape, time, drop, stay, scaled)
        return float(-(weight @ values) / weight.sum())

    answers = [
        optimize.minimize(
            loss, np.log([r, max(alpha / scale, 1e-3), a, b]), method="L-BFGS-B", bounds=[(-_BOUND, _BOUND)] * 4
        )
        for r, alpha, a, b in _STARTS
    ]
    best = min(answers, key=lambda answer: float(answer.fun))
    r, alpha, a, b = (float(value) for value in np.exp(best.x))
    return BuyingModel(r, alpha * scale, a, b)


def _counted(history: BuyingHistory, scale: float) -> tuple[BuyingHistory, Floats]:
    """Return each different history once, in units of `scale`, and how many customers have it."""
    table = np.column_stack([history.again, history.last / scale, history.known / scale])
    different, counts = np.unique(table, axis=0, return_counts=True)
    return BuyingHistory(*different.T), counts.astype(np.float64)


def _log_likelihoods(r: float, alpha: float, a: float, b: float, history: BuyingHistory) -> Floats:
    from scipy.special import gammaln

    x = history.again
    rate = gammaln(r + x) - gammaln(r) + r * np.log(alpha)
    drops = gammaln(a + b) + gammaln(b + x) - gammaln(b) - gammaln(a + b + x)
    still = -(r + x) * np.log(alpha + history.known)
    gone = np.log(a) - np.log(np.maximum(b + x - 1.0, 1e-12)) - (r + x) * np.log(alpha + history.last)
    return np.asarray(rate + drops + np.where(x > 0, np.logaddexp(still, gone), still))


def _hypergeometric(a: Floats, b: Floats, c: Floats, z: Floats) -> Floats:
    """Return 2F1(a, b; c; z) for 0 <= z < 1, by its series; scipy's is wrong for some large arguments."""
    term, total = np.ones_like(z), np.ones_like(z)
    for n in range(_SERIES):
        term = term * (a + n) * (b + n) / ((c + n) * (n + 1.0)) * z
        total = total + term
        if np.all(np.abs(term) < 1e-12 * np.abs(total)):
            break
    return total
