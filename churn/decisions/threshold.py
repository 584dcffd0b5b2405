"""The threshold curve: what contacting everyone at or above each distinct probability costs and earns.

One sort and running sums, O(n log n). Customers of equal probability move together.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from churn.decisions.checks import Bools, Floats, outcomes, per_customer, probabilities
from churn.decisions.profit import Economics
from churn.errors import DataError

_NO_THRESHOLD = float("inf")


@dataclass(frozen=True)
class CurvePoint:
    """One row of the curve: counts of customers, money, shares. `roi` is None where nothing is spent."""

    threshold: float
    contacts: float
    true_positives: float
    false_positives: float
    precision: float | None
    recall: float | None
    cost: float
    retained: float
    revenue: float
    net_profit: float
    roi: float | None


@dataclass(frozen=True)
class ThresholdCurve:
    """Arrays of shape (k,), one entry per distinct threshold, highest threshold first, so that contacts rise.

    `contacts` counts customers at or above the threshold, `true_positives` those of them who churn (expected numbers
    where outcomes are not known), `saves` the expected number who stay because of the contact and `saved_value` the
    money these are worth. The rest follows from these, computed when first asked for.
    """

    threshold: Floats
    contacts: NDArray[np.int64]
    true_positives: NDArray[np.int64] | Floats
    saves: Floats
    saved_value: Floats
    economics: Economics
    customers: int
    churners: float

    @cached_property
    def false_positives(self) -> NDArray[np.int64] | Floats:
        """Contacted customers who would have stayed anyway."""
        return np.subtract(self.contacts, self.true_positives)

    @cached_property
    def precision(self) -> Floats:
        """Share of the contacted who churn."""
        return np.divide(self.true_positives, self.contacts)

    @cached_property
    def recall(self) -> Floats:
        """Share of all churners who are contacted; NaN where nobody churns."""
        return np.multiply(self.true_positives, 1.0 / self.churners if self.churners > 0 else np.nan)

    @property
    def retained(self) -> Floats:
        """Expected number of churners who stay because of the contact."""
        return self.saves

    @property
    def revenue(self) -> Floats:
        """Money kept by those retained."""
        return self.saved_value

    @cached_property
    def cost(self) -> Floats:
        """Money spent: on contacts, and on incentives as the profit model has them taken."""
        total = np.multiply(self.contacts, self.economics.cost_of_contact)
        if self.economics.cost_of_taker:
            total += self.economics.cost_of_taker * (self.saves + self.false_positives)
        return total

    @cached_property
    def net_profit(self) -> Floats:
        """Revenue less cost."""
        return np.subtract(self.revenue, self.cost)

    @cached_property
    def roi(self) -> Floats:
        """Net profit per money spent; NaN where nothing is spent."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(self.cost > 0, self.net_profit / self.cost, np.nan)

    def at_threshold(self, threshold: float) -> CurvePoint:
        """Return the point of contacting everyone whose probability is `threshold` or more."""
        position = int(np.searchsorted(-self.threshold, -threshold, side="right"))
        return self._point(float(self.contacts[position - 1]) if position else 0.0, threshold)

    def at_contacts(self, contacts: float) -> CurvePoint:
        """Return the point of contacting this many, the likeliest churners first.

        Where the number cuts through customers of equal probability, a random part of them is contacted: the point lies
        on the straight line between its neighbours. More than there are customers means all of them.
        """
        return self._point(min(max(contacts, 0.0), float(self.customers)), None)

    def at_budget(self, budget: float) -> CurvePoint:
        """Return the point of contacting as many as `budget` pays for, in whole customers."""
        cost = np.concatenate([[0.0], self.cost])
        contacts = np.concatenate([[0.0], self.contacts.astype(np.float64)])
        after = int(np.searchsorted(cost, budget, side="right"))
        if after >= cost.size:
            return self._point(float(self.customers), None)
        if after == 0:
            return self._point(0.0, None)
        share = (budget - cost[after - 1]) / (cost[after] - cost[after - 1])
        between = contacts[after - 1] + share * (contacts[after] - contacts[after - 1])
        return self._point(float(np.floor(between + 1e-9)), None)

    def optimum(self) -> CurvePoint:
        """Return the point of the highest net profit, fewest contacts first; contacting nobody if nothing pays."""
        if not self.threshold.size:
            return self._point(0.0, None)
        best = int(np.argmax(self.net_profit))
        if self.net_profit[best] <= 0.0:
            return self._point(0.0, None)
        return self._point(float(self.contacts[best]), float(self.threshold[best]))

    def index_of(self, contacts: float) -> tuple[int, float]:
        """Return (i, share): `contacts` lies `share` of the way from entry i - 1 (or nobody) to entry i."""
        i = int(np.searchsorted(self.contacts, contacts, side="left"))
        if i >= self.contacts.size:
            return max(self.contacts.size - 1, 0), 1.0
        before = float(self.contacts[i - 1]) if i else 0.0
        return i, (contacts - before) / (float(self.contacts[i]) - before)

    def _point(self, contacts: float, threshold: float | None) -> CurvePoint:
        if contacts <= 0.0 or not self.threshold.size:
            cut = _NO_THRESHOLD if threshold is None else threshold
            return CurvePoint(cut, 0.0, 0.0, 0.0, None, 0.0 if self.churners > 0 else None, 0.0, 0.0, 0.0, 0.0, None)
        i, share = self.index_of(contacts)

        def between(values: NDArray[np.int64] | Floats) -> float:
            before = float(values[i - 1]) if i else 0.0
            return before + share * (float(values[i]) - before)

        hits, cost, revenue = between(self.true_positives), between(self.cost), between(self.revenue)
        return CurvePoint(
            threshold=float(self.threshold[i]) if threshold is None else threshold,
            contacts=contacts,
            true_positives=hits,
            false_positives=contacts - hits,
            precision=hits / contacts,
            recall=hits / self.churners if self.churners > 0 else None,
            cost=cost,
            retained=between(self.retained),
            revenue=revenue,
            net_profit=revenue - cost,
            roi=(revenue - cost) / cost if cost > 0 else None,
        )


def threshold_curve(
    churn_probability: ArrayLike,
    outcome: ArrayLike | None,
    value: ArrayLike,
    economics: Economics,
    uplift: ArrayLike | None = None,
) -> ThresholdCurve:
    """Return counts and money at every distinct threshold of `churn_probability` (n,).

    `outcome` (n,): 1 where the customer churned, or None, and then numbers are expectations under the probabilities.
    `value`: money that a save is worth, one number or (n,). `uplift` (n,): churn avoided by contact, for that model.
    Raises DataError naming the argument that holds missing values, values out of range, or another shape.
    """
    p = probabilities("churn_probability", churn_probability)
    worth = per_customer("value", value, p.size)
    truth = None if outcome is None else outcomes("outcome", outcome, p.size)
    if uplift is not None and economics.profit_model == "uplift":
        return _curve_of_uplift(p, truth, worth, economics, uplift)
    gamma = economics.success_rate
    if truth is not None:
        threshold, contacts, hits = _count_hits(p, truth)
        if isinstance(worth, float):
            value_at_stake = np.multiply(hits, worth)
        else:
            churner_p = p[truth]
            running = np.cumsum(worth[truth][np.argsort(-churner_p)])
            value_at_stake = np.concatenate([[0.0], running])[hits]
        return ThresholdCurve(
            threshold,
            contacts,
            hits,
            np.multiply(hits, gamma),
            value_at_stake * gamma,
            economics,
            p.size,
            float(truth.sum()),
        )
    if isinstance(worth, float):
        falling = np.sort(p)[::-1]
        expected = np.cumsum(falling)
        stake = expected * worth
    else:
        order = np.argsort(-p)
        falling = p[order]
        expected = np.cumsum(falling)
        stake = np.cumsum(falling * worth[order])
    total = float(expected[-1]) if expected.size else 0.0
    last = _last_of_ties(falling)
    threshold, contacts = falling[last], _count(last, p.size)
    return ThresholdCurve(
        threshold, contacts, expected[last], gamma * expected[last], gamma * stake[last], economics, p.size, total
    )


def _count_hits(p: Floats, truth: Bools) -> tuple[Floats, NDArray[np.int64], NDArray[np.int64]]:
    """Distinct thresholds, falling, with the customers and the churners at or above each.

    A probability's bits, read as an integer, order like the probability and leave the top two bits free (1.0 is below
    2^62). Shifted left by one they make room for the outcome, so that one plain sort carries it along without loss,
    several times faster than sorting an index and gathering by it. Complemented, so that the highest comes first.
    """
    key = (p + 0.0).view(np.uint64)  # the sum turns -0.0 into 0.0, whose bits are in order
    np.left_shift(key, np.uint64(1), out=key)
    np.bitwise_or(key, truth.view(np.uint8), out=key)
    np.invert(key, out=key)
    key.sort()
    np.invert(key, out=key)
    hits = np.cumsum(np.bitwise_and(key, np.uint64(1)).view(np.int64))
    falling = np.right_shift(key, np.uint64(1), out=key).view(np.float64)
    last = _last_of_ties(falling)
    return falling[last], _count(last, p.size), hits[last]


def _last_of_ties(falling: Floats) -> NDArray[np.int64] | slice:
    """Where each run of equal probabilities ends; everything, without a copy, where all are distinct."""
    ends = falling[1:] != falling[:-1]
    if ends.all():
        return slice(None)
    return np.flatnonzero(np.concatenate([ends, [True]]))


def _count(last: NDArray[np.int64] | slice, size: int) -> NDArray[np.int64]:
    return np.arange(1, size + 1) if isinstance(last, slice) else last + 1


def _curve_of_uplift(
    p: Floats, truth: Bools | None, worth: float | Floats, economics: Economics, uplift: ArrayLike
) -> ThresholdCurve:
    """The uplift model with a known uplift: customers ranked by probability still, saves summed from the uplift."""
    tau = np.asarray(uplift, dtype=np.float64)
    if tau.shape != p.shape or not np.isfinite(tau).all() or np.abs(tau).max(initial=0.0) > 1.0:
        raise DataError(f"needs {p.size:,} finite values within -1..1", where="uplift")
    order = np.argsort(-p)
    falling = p[order]
    hits: Floats | NDArray[np.int64] = np.cumsum(falling) if truth is None else np.cumsum(truth[order])
    last = _last_of_ties(falling)
    saves, stake = np.cumsum(tau[order])[last], np.cumsum((tau * worth)[order])[last]
    churners = float(hits[-1]) if hits.size else 0.0
    return ThresholdCurve(falling[last], _count(last, p.size), hits[last], saves, stake, economics, p.size, churners)
