"""What another policy would have earned, from decisions whose probabilities were logged: doubly robust, with an interval.

A decision gives a customer x one of k arms (leaving alone is an arm too) with logged probabilities p(a|x), and has an outcome
profit y. A policy is given by its own probabilities pi(a|x); a rule that always does the same has ones and zeros. With q(a|x) the
profit that a model predicts, which must not have seen y, the profit of the policy per decision is the mean of

    sum_a pi(a|x) q(a|x) + w (y - q(chosen|x)),  w = pi(chosen|x) / p(chosen|x)

(Dudik, Langford and Li 2011): right where p is, whatever q; the better q, the narrower the interval.

**Clipping.** Weights are cut at a stated bound M (Bottou and others 2013; Swaminathan and Joachims 2015), by default the square
root of the number of decisions (Ionides 2008), so that one lucky customer does not decide. As p is logged for every arm, the part of the policy that is cut is known: e(a|x) = pi - min(pi, M p).
The bias is the mean of sum_a e(a|x) (r(a|x) - q(a|x)), with r the true expected profit, and r lies between the least and the most
that an arm can earn. So the bias has bounds, and the interval allows for all of them: its quantile is that of Imbens and Manski
(2004), which covers wherever in the bounds the truth lies. Arms that were never tried (p = 0) are cut wholly.

**Refused** where more than a stated share of the policy was never tried, or where the effective sample size (sum w)^2 / sum w^2
(Kish 1965) is too small for an interval that holds.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from churn.decisions.checks import Floats
from churn.decisions.choices import RefusalReason
from churn.errors import DataError

LEAST_EFFECTIVE: Final = 200.0
MOST_UNSUPPORTED: Final = 0.01
_ROUNDING: Final = 1e-6


@dataclass(frozen=True)
class DecisionLog:
    """Decisions with their outcomes; n decisions, k arms.

    `chosen` (n,) is the arm given, `probability` (n, k) the logged chances of every arm, each row adding up to 1. `profit` (n,)
    is what came of it; `predicted` (n, k) what a model says each arm earns that did not see these outcomes. `least` and `most`
    (n, k) bound what an arm can earn in expectation. `customer` (n,) marks whose decision it was: several of one customer
    are no independent witnesses; None means that all are of different ones.
    """

    chosen: NDArray[np.int64]
    probability: Floats
    profit: Floats
    predicted: Floats
    least: Floats
    most: Floats
    customer: NDArray[np.generic] | None = None

    def __post_init__(self) -> None:
        """Raise DataError naming the field for shapes that do not fit, or chances that are none."""
        shape = self.probability.shape
        if len(shape) != 2 or not shape[0]:
            raise DataError(f"expected decisions x arms, got shape {shape}", where="probability")
        for name in ("predicted", "least", "most"):
            if getattr(self, name).shape != shape:
                raise DataError(f"expected shape {shape}, got {getattr(self, name).shape}", where=name)
        for name in ("chosen", "profit", *(() if self.customer is None else ("customer",))):
            if getattr(self, name).shape != shape[:1]:
                raise DataError(f"expected {shape[0]:,} values, got shape {getattr(self, name).shape}", where=name)
        for name in ("profit", "predicted", "least", "most"):
            if not np.isfinite(getattr(self, name)).all():
                raise DataError("holds values that are missing or infinite", where=name)
        _check_chances("probability", self.probability)
        if self.chosen.min() < 0 or self.chosen.max() >= shape[1]:
            raise DataError(f"names arms outside 0..{shape[1] - 1}", where="chosen")
        if not (self.given > 0.0).all():
            count = int(np.count_nonzero(self.given <= 0.0))
            raise DataError(
                f"{count:,} decisions gave an arm whose logged probability is 0",
                where="probability",
                remedy="Log the probabilities that the arms were drawn with.",
            )

    @property
    def decisions(self) -> int:
        """How many decisions there are."""
        return int(self.chosen.size)

    @property
    def given(self) -> Floats:
        """Logged probability of the arm that was given, (n,)."""
        return self.of_chosen(self.probability)

    def of_chosen(self, values: Floats) -> Floats:
        """Return the value of the arm that was given, (n,), of `values` (n, k)."""
        return np.asarray(values[np.arange(self.chosen.size), self.chosen])


def most_of_arms(value: Floats, churn: Floats, own: Floats) -> Floats:
    """Return the most (n, k) that an arm can earn of customers worth `value` (n,) who leave with probability `churn` (n,).

    `own` (k,) is the most that an offer's own value of a save comes to, nan where it has none: who would have stayed is worth
    `value` under every arm, and whom the offer keeps is worth its own.
    """
    kept = np.where(np.isnan(own), value[:, None], own)
    return np.maximum(value[:, None], value[:, None] * (1.0 - churn[:, None]) + kept * churn[:, None])


@dataclass(frozen=True)
class OffPolicyEstimate:
    """What a policy would have earned, or earned more than another, over as many decisions as are logged: totals in money.

    `low` to `high` is the interval at `confidence`; `error` the standard error, `bias_low` and `bias_high` what clipping may
    have left out, both part of the interval. `clipped` is the share of the policy that was cut for it, `unsupported` the
    part of it that was never tried. `largest_weight` is the bound M.
    """

    profit: float
    low: float
    high: float
    error: float
    bias_low: float
    bias_high: float
    decisions: int
    effective: float
    clipped: float
    unsupported: float
    largest_weight: float
    confidence: float

    @property
    def is_proven(self) -> bool:
        """Whether the interval lies above 0."""
        return self.low > 0.0


@dataclass(frozen=True)
class OffPolicyRefusal:
    """Why nothing can be said: `no_support` (too much of the policy was never tried) or `too_few` (effective decisions)."""

    reason: RefusalReason
    decisions: int
    effective: float
    unsupported: float
    needed_effective: float
    allowed_unsupported: float


def policy_of(choice: NDArray[np.integer], arms: int) -> Floats:
    """Return the probabilities (n, arms) of a policy that always gives each customer the arm `choice` (n,)."""
    return np.asarray(np.arange(arms) == np.asarray(choice)[:, None], dtype=np.float64)


def off_policy(
    log: DecisionLog,
    policy: Floats,
    *,
    against: Floats | None = None,
    largest_weight: float | None = None,
    least_effective: float = LEAST_EFFECTIVE,
    most_unsupported: float = MOST_UNSUPPORTED,
    confidence: float = 0.95,
) -> OffPolicyEstimate | OffPolicyRefusal:
    """Return what `policy` (n, k) would have earned with customers like those of the log, or why that cannot be told.

    With `against` (n, k), another policy, it is how much more than that one: decisions on which both agree cancel out, so the
    interval is narrower than those of the two profits. To compare with what was done, give the logged probabilities. Raises
    DataError for probabilities that are none.
    """
    wanted = [policy] if against is None else [policy, against]
    for name, chances in zip(("policy", "against"), wanted, strict=False):
        if chances.shape != log.probability.shape:
            raise DataError(f"expected shape {log.probability.shape}, got {chances.shape}", where=name)
        _check_chances(name, chances)
    given = log.given
    effective = min(_effective(log.of_chosen(chances) / given) for chances in wanted)
    unsupported = max(float(chances[log.probability <= 0.0].sum()) / log.decisions for chances in wanted)
    reason: RefusalReason | None = None
    if unsupported > most_unsupported:
        reason = "no_support"
    elif effective < least_effective:
        reason = "too_few"
    if reason is not None:
        return OffPolicyRefusal(reason, log.decisions, effective, unsupported, least_effective, most_unsupported)

    target = policy if against is None else policy - against
    bound = math.sqrt(log.decisions) if largest_weight is None else largest_weight
    reach = bound * log.probability
    kept = np.clip(target, -reach, reach)
    cut = target - kept
    weight = log.of_chosen(kept) / given
    parts = (target * log.predicted).sum(axis=1) + weight * (log.profit - log.of_chosen(log.predicted))
    down, up = log.least - log.predicted, log.most - log.predicted
    bias_low = float(np.where(cut > 0.0, cut * down, cut * up).sum())
    bias_high = float(np.where(cut > 0.0, cut * up, cut * down).sum())
    total, error = float(parts.sum()), _error(parts, log.customer)
    reach_low, reach_high = _reach(error, bias_low, bias_high, confidence)
    return OffPolicyEstimate(
        profit=total,
        low=total + reach_low,
        high=total + reach_high,
        error=error,
        bias_low=bias_low,
        bias_high=bias_high,
        decisions=log.decisions,
        effective=effective,
        clipped=float(np.abs(cut).sum()) / log.decisions,
        unsupported=unsupported,
        largest_weight=bound,
        confidence=confidence,
    )


def _check_chances(name: str, chances: Floats) -> None:
    if not np.isfinite(chances).all() or chances.min() < 0.0:
        raise DataError("holds probabilities that are missing or below 0", where=name)
    off = int(np.count_nonzero(np.abs(chances.sum(axis=1) - 1.0) > _ROUNDING))
    if off:
        raise DataError(
            f"the probabilities of {off:,} decisions do not add up to 1",
            where=name,
            remedy="Name every arm, leaving the customer alone among them.",
        )


def _effective(weight: Floats) -> float:
    """Return how many decisions of equal weight would tell as much (Kish 1965); 0 where none has weight."""
    total = float(weight.sum())
    return total * total / float(weight @ weight) if total > 0.0 else 0.0


def _error(parts: Floats, customer: NDArray[np.generic] | None) -> float:
    """Return the standard error of the total of `parts` (n,), customers being drawn, with all their decisions."""
    off = parts - parts.mean()
    if customer is not None:
        _, place = np.unique(customer, return_inverse=True)
        off = np.bincount(place, weights=off)
    count = off.size
    return math.sqrt(float(off @ off) * count / (count - 1)) if count > 1 else math.inf


def _reach(error: float, bias_low: float, bias_high: float, confidence: float) -> tuple[float, float]:
    """Return how far the interval reaches below and above the estimate, signed: bias and sampling error together.

    The quantile c solves Phi(c + width / error) - Phi(-c) = confidence (Imbens and Manski 2004): the two-sided one where
    clipping cut nothing, the one-sided one where what it cut is wide beside the error.
    """
    from scipy.optimize import brentq
    from scipy.special import ndtr, ndtri

    if error == 0.0 or not math.isfinite(error):
        return bias_low - error, bias_high + error
    width = (bias_high - bias_low) / error
    two_sided = float(ndtri(0.5 + confidence / 2.0))

    def surplus(quantile: float) -> float:
        return float(ndtr(quantile + width) - ndtr(-quantile)) - confidence

    quantile = two_sided if width <= 0.0 else float(brentq(surplus, float(ndtri(confidence)) - 1e-9, two_sided + 1e-9))
    return bias_low - quantile * error, bias_high + quantile * error
