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


def count_hits(p: Floats, truth: Bools) -> tuple[Floats, NDArray[np.int64], NDArray[np.int64]]:
    """Distinct thresholds, falling, with the customers and the churners at or above each.

    A probability's bits, read as an integer, order like the probability and leave the top two bits free (1.0 is below
    2^62). Shifted left by one they make room for the outcome, so that one plain sort carries it along without loss,
    several times faster than sorting an index and gathering by it. (The shift also turns -0.0 into 0.0.)
    """
    key = np.left_shift(p.view(np.uint64), np.uint64(1))
    np.bitwise_or(key, truth.view(np.uint8), out=key)
    key.sort()
    hits = np.bitwise_and(key, np.uint64(1)).view(np.int64)[::-1]
    np.cumsum(hits, out=hits)
    falling = np.right_shift(key, np.uint64(1), out=key).view(np.float64)[::-1]
    last = last_of_ties(falling)
    return falling[last], counts_at(last, p.size), hits[last]


def falling_order(p: Floats) -> NDArray[np.int64]:
    """Positions of `p` from highest to lowest, equal ones in their order.

    The row number takes the place of the lowest bits, so that a plain sort carries it: several times faster than
    sorting an index. Rows that differ in those bits alone may come out swapped; they are few, and put right after.
    """
    width = np.uint64(max(p.size - 1, 1).bit_length())
    low = np.uint64((1 << int(width)) - 1)
    key = np.invert(np.left_shift(p.view(np.uint64), np.uint64(2)))
    np.bitwise_and(key, np.invert(low), out=key)
    np.bitwise_or(key, np.arange(p.size, dtype=np.uint64), out=key)
    key.sort()
    order = np.bitwise_and(key, low).view(np.int64)
    falling = p[order]
    if np.any(falling[1:] > falling[:-1]):
        np.right_shift(key, width, out=key)
        same = key[1:] == key[:-1]
        among = np.flatnonzero(np.concatenate([same, [False]]) | np.concatenate([[False], same]))
        order[among] = order[among][np.lexsort((order[among], -falling[among], key[among]))]
    return order


def weighted_sum(*terms: tuple[float, NDArray[np.int64] | Floats]) -> Floats:
    """Weighted sum of arrays, block by block: whole-length intermediate arrays cost more than the arithmetic."""
    total = np.empty(terms[0][1].size)
    for start in range(0, total.size, 32_768):
        block = total[start : start + 32_768]
        np.multiply(terms[0][1][start : start + 32_768], terms[0][0], out=block)
        for factor, values in terms[1:]:
            block += factor * values[start : start + 32_768]
    return total


def last_of_ties(falling: Floats) -> NDArray[np.int64] | slice:
    """Where each run of equal probabilities ends; everything, without a copy, where all are distinct."""
    ends = falling[1:] != falling[:-1]
    if ends.all():
        return slice(None)
    return np.flatnonzero(np.concatenate([ends, [True]]))


def counts_at(last: NDArray[np.int64] | slice, size: int) -> NDArray[np.int64]:
    """How many of `size` rows lie at or above each entry that `last_of_ties` picks."""
    return np.arange(1, size + 1) if isinstance(last, slice) else last + 1


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
    where outcomes are not known), `stake` the money that saving each of those would be worth: one number times
    `true_positives` where all customers have the same value. The rest is computed when first asked for.
    `saves` and `saved_value` are given only where a known uplift replaces success_rate x churners.
    """

    threshold: Floats
    contacts: NDArray[np.int64]
    true_positives: NDArray[np.int64] | Floats
    stake: float | Floats
    economics: Economics
    customers: int
    churners: float
    saves: Floats | None = None
    saved_value: Floats | None = None
    entry_of: NDArray[np.int64] | None = None  # each customer's entry (n,), where the order is not that of probability

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

    @cached_property
    def retained(self) -> Floats:
        """Expected number of churners who stay because of the contact."""
        if self.saves is not None:
            return self.saves
        return np.multiply(self.true_positives, self.economics.success_rate)

    @cached_property
    def revenue(self) -> Floats:
        """Money kept by those retained."""
        if self.saved_value is not None:
            return self.saved_value
        if isinstance(self.stake, float):
            return np.multiply(self.true_positives, self.stake * self.economics.success_rate)
        return np.multiply(self.stake, self.economics.success_rate)

    @cached_property
    def cost(self) -> Floats:
        """Money spent: on contacts, and on incentives as the profit model has them taken."""
        taker = self.economics.cost_of_taker
        if not taker:
            return np.multiply(self.contacts, self.economics.cost_of_contact)
        # A taker is a stayer or a churner who was saved: contacts - true positives + retained.
        return weighted_sum((self.economics.cost_of_contact + taker, self.contacts), *self._takers(taker))

    @cached_property
    def net_profit(self) -> Floats:
        """Revenue less cost."""
        rate, taker = self.economics.success_rate, self.economics.cost_of_taker
        spent = (-self.economics.cost_of_contact - taker, self.contacts)
        if self.saved_value is not None:
            return weighted_sum((1.0, self.saved_value), spent)
        if isinstance(self.stake, float):
            return weighted_sum((self.stake * rate + taker * (1.0 - rate), self.true_positives), spent)
        return weighted_sum((rate, self.stake), spent, *self._takers(-taker))

    def _takers(self, price: float) -> list[tuple[float, NDArray[np.int64] | Floats]]:
        """What all but the contacts themselves add to the bill of incentives at this price."""
        return [(-price * (1.0 - self.economics.success_rate), self.true_positives)] if price else []

    @cached_property
    def roi(self) -> Floats:
        """Net profit per money spent; NaN where nothing is spent."""
        if self.economics.cost_of_contact > 0:  # then no entry is free
            return np.divide(self.net_profit, self.cost)
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(self.cost > 0, self.net_profit / self.cost, np.nan)

    def at_threshold(self, threshold: float) -> CurvePoint:
        """Return the point of contacting everyone whose probability is `threshold` or more."""
        below = int(np.searchsorted(self.threshold[::-1], threshold, side="left"))
        return self.entry(self.threshold.size - below - 1, threshold)

    def at_contacts(self, contacts: float) -> CurvePoint:
        """Return the point of contacting this many, the likeliest churners first.

        Where the number cuts through customers of equal probability, a random part of them is contacted: the point lies
        on the straight line between its neighbours. More than there are customers means all of them.
        """
        return self._between(*self.index_of(min(max(contacts, 0.0), float(self.customers))))

    def at_budget(self, budget: float) -> CurvePoint:
        """Return the point of contacting as many as `budget` pays for, in whole customers."""
        i = int(np.searchsorted(self.cost, budget, side="right"))  # the first entry it does not pay for
        if i >= self.cost.size:
            return self.entry(self.cost.size - 1)
        cost, contacts = (float(self.cost[i - 1]), float(self.contacts[i - 1])) if i else (0.0, 0.0)
        share = max(budget - cost, 0.0) / (float(self.cost[i]) - cost)
        whole = np.floor(contacts + share * (float(self.contacts[i]) - contacts) + 1e-9)
        return self.at_contacts(float(whole))

    def optimum(self) -> CurvePoint:
        """Return the point of the highest net profit, fewest contacts first; contacting nobody if nothing pays."""
        best = int(np.argmax(self.net_profit)) if self.threshold.size else -1
        return self.entry(best if best >= 0 and self.net_profit[best] > 0.0 else -1)

    def index_of(self, contacts: float) -> tuple[int, float]:
        """Return (i, share): `contacts` lies `share` of the way from entry i - 1 (-1 is nobody) to entry i."""
        if contacts <= 0.0 or not self.contacts.size:
            return -1, 1.0
        # Whole numbers: comparing against a float would convert the array.
        i = min(int(np.searchsorted(self.contacts, int(np.ceil(contacts)))), self.contacts.size - 1)
        before = float(self.contacts[i - 1]) if i else 0.0
        return i, (contacts - before) / (float(self.contacts[i]) - before)

    def entry(self, i: int, threshold: float | None = None) -> CurvePoint:
        """Return the point of entry `i`, -1 for contacting nobody."""
        return self._between(i, 1.0, threshold)

    def _between(self, i: int, share: float, threshold: float | None = None) -> CurvePoint:
        if i < 0:
            cut = _NO_THRESHOLD if threshold is None else threshold
            return CurvePoint(cut, 0.0, 0.0, 0.0, None, 0.0 if self.churners > 0 else None, 0.0, 0.0, 0.0, 0.0, None)

        def at(values: NDArray[np.int64] | Floats) -> float:
            before = float(values[i - 1]) if i else 0.0
            return before + share * (float(values[i]) - before)

        # From this entry's own numbers: whole columns of money are not needed for one point.
        rate, contacts, hits = self.economics.success_rate, at(self.contacts), at(self.true_positives)
        retained = rate * hits if self.saves is None else at(self.saves)
        if self.saved_value is not None:
            revenue = at(self.saved_value)
        else:
            revenue = rate * (self.stake * hits if isinstance(self.stake, float) else at(self.stake))
        cost = self.economics.cost_of_contact * contacts
        cost += self.economics.cost_of_taker * (retained + contacts - hits)
        return CurvePoint(
            threshold=float(self.threshold[i]) if threshold is None else threshold,
            contacts=contacts,
            true_positives=hits,
            false_positives=contacts - hits,
            precision=hits / contacts,
            recall=hits / self.churners if self.churners > 0 else None,
            cost=cost,
            retained=retained,
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
    *,
    rank: Floats | None = None,
) -> ThresholdCurve:
    """Return counts and money at every distinct threshold of `churn_probability` (n,), or of `rank` where it is given.

    By `rank` (n,) customers come from its highest down, and a threshold is the lowest probability among them.

    `outcome` (n,): 1 where the customer churned, or None, and then numbers are expectations under the probabilities.
    `value`: money that a save is worth, one number or (n,). `uplift` (n,): churn avoided by contact, for that model.
    Raises DataError naming the argument that holds missing values, values out of range, or another shape.
    """
    p = probabilities("churn_probability", churn_probability)
    worth = per_customer("value", value, p.size)
    truth = None if outcome is None else outcomes("outcome", outcome, p.size)
    if uplift is not None and economics.profit_model == "uplift":
        return _curve_of_uplift(p, truth, worth, economics, uplift)
    if rank is not None:
        return _ranked_curve(p, truth, worth, economics, rank)
    stake: float | Floats = worth
    if truth is not None:
        threshold, contacts, hits = count_hits(p, truth)
        if not isinstance(worth, float):
            churners = np.flatnonzero(truth)
            running = np.cumsum(worth[churners][falling_order(p[churners])])
            stake = np.concatenate([[0.0], running])[hits]
        return ThresholdCurve(threshold, contacts, hits, stake, economics, p.size, float(np.count_nonzero(truth)))
    order = None if isinstance(worth, float) else falling_order(p)
    falling = np.sort(p)[::-1] if order is None else p[order]
    expected = np.cumsum(falling)
    last = last_of_ties(falling)
    if order is not None and not isinstance(worth, float):
        stake = np.cumsum(falling * worth[order])[last]
    total = float(expected[-1]) if expected.size else 0.0
    return ThresholdCurve(falling[last], counts_at(last, p.size), expected[last], stake, economics, p.size, total)


def _ranked_curve(
    p: Floats, truth: Bools | None, worth: float | Floats, economics: Economics, rank: Floats
) -> ThresholdCurve:
    """Customers from the highest `rank` down; those of equal rank move together."""
    order = np.argsort(-rank, kind="stable")
    falling = rank[order]
    last = last_of_ties(falling)
    weight = (p if truth is None else truth.astype(np.float64))[order]
    hits = np.cumsum(weight)
    stake: float | Floats = worth if isinstance(worth, float) else np.cumsum(weight * worth[order])[last]
    entry_of = np.empty(p.size, dtype=np.int64)
    ends = np.arange(p.size) if isinstance(last, slice) else np.searchsorted(last, np.arange(p.size))
    entry_of[order] = ends
    return ThresholdCurve(
        np.minimum.accumulate(p[order])[last],
        counts_at(last, p.size),
        hits[last],
        stake,
        economics,
        p.size,
        float(hits[-1]) if hits.size else 0.0,
        entry_of=entry_of,
    )


def _curve_of_uplift(
    p: Floats, truth: Bools | None, worth: float | Floats, economics: Economics, uplift: ArrayLike
) -> ThresholdCurve:
    """The uplift model with a known uplift: customers ranked by probability still, saves summed from the uplift."""
    tau = np.asarray(uplift, dtype=np.float64)
    if tau.shape != p.shape or not np.isfinite(tau).all() or np.abs(tau).max(initial=0.0) > 1.0:
        raise DataError(f"needs {p.size:,} finite values within -1..1", where="uplift")
    order = falling_order(p)
    falling = p[order]
    hits = np.cumsum(falling if truth is None else truth[order].astype(np.float64))
    last = last_of_ties(falling)
    saves, stake = np.cumsum(tau[order])[last], np.cumsum((tau * worth)[order])[last]
    churners = float(hits[-1]) if hits.size else 0.0
    return ThresholdCurve(
        falling[last], counts_at(last, p.size), hits[last], 0.0, economics, p.size, churners, saves, stake
    )
