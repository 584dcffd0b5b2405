"""Foresees a programme before it starts: what it would learn, prove and earn, over companies drawn from the prior ranges.

A company is drawn by drawing its offers' true numbers (see `decisions.effect`: within the file's range, or around no effect
at all with the chance that the file is wrong). The programme is then played month by month on the rows of a usual audience.
No outcome is drawn: a month's rows carry a known information about each offer's numbers, so the posterior mean after it is drawn
from its own distribution (Raiffa and Schlaifer 1961, preposterior analysis), and the greedy choice follows from that, doubtful
offers made to a few first, as the product plans (`decisions.doubt`). The same outlook and seed give the same figures.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from churn.decisions.checks import Bools, Floats
from churn.decisions.effect import draw_numbers, expected_precision, posterior_means
from churn.decisions.off_policy import LEAST_EFFECTIVE
from churn.decisions.priced_arm import PricedArm
from churn.decisions.trials_ahead import admitted
from churn.errors import ConfigError, DataError

MOST_MONTHS: Final = 24  # further ahead nothing is foreseen
_DRAWS: Final = 200
_ROWS: Final = 300  # customers that stand for the audience
_Z: Final = 1.959963984540054  # of the 95 % interval that the proof is read from
_LEAST_PRICE, _MOST_PRICE, _HALVINGS = 1e-3, 1e4, 20  # of money, in the search for what a unit of it is worth

Choice = NDArray[np.int64]


@dataclass(frozen=True)
class ProgrammeOutlook:
    """A programme before it starts; `probability` and `value` (n,) of a save are those of a usual month's audience.

    The n rows stand for `customers` a month. `slice_share` of them are given any offer or none at random, `holdout_share` of
    those who would be given one are left alone. `budget` is money a month, `months` how long it shall pay back in.
    `leave_alone` is the share of the slice that is given none. Capacities of single offers are not foreseen.
    """

    arms: tuple[PricedArm, ...]
    probability: Floats
    value: Floats
    customers: float
    slice_share: float = 0.05
    holdout_share: float = 0.1
    budget: float | None = None
    months: int = 12
    leave_alone: float = 0.25

    def __post_init__(self) -> None:
        """Raise ConfigError for shares, months or money out of range, DataError for arrays that do not fit."""
        shares = {"slice": self.slice_share, "holdout": self.holdout_share, "leave_alone": self.leave_alone}
        for name, share in shares.items():
            if not 0.0 <= share < 1.0:
                raise ConfigError(f"{share} is not a share from 0 to below 1", where=name)
        if not 1 <= self.months <= MOST_MONTHS:
            raise ConfigError(f"{self.months} is not a number of months from 1 to {MOST_MONTHS}", where="months")
        if self.budget is not None and not self.budget >= 0.0:
            raise ConfigError(f"{self.budget} is not an amount of money", where="budget")
        if not self.arms:
            raise ConfigError("a programme needs at least one offer", where="arms")
        count = self.probability.size
        if not count or not self.customers > 0.0:
            raise DataError("nobody is in the audience", where="audience")
        for arm in self.arms:
            if arm.design.shape != (count, len(arm.priors)) or arm.is_eligible.shape != (count,):
                raise DataError(f"the arrays of `{arm.name}` are not those of {count:,} customers", where="arms")

    def times(self, factor: float) -> ProgrammeOutlook:
        """Return the outlook of an audience so many times as large, with the same budget per customer."""
        budget = None if self.budget is None else self.budget * factor
        return replace(self, customers=self.customers * factor, budget=budget)

    def thinned(self, seed: int) -> ProgrammeOutlook:
        """Return the outlook with at most `_ROWS` rows, drawn evenly along the probabilities, for the same customers."""
        count = self.probability.size
        if count <= _ROWS:
            return self
        order = np.lexsort((np.random.default_rng(seed).random(count), self.probability))
        rows = np.sort(order[((np.arange(_ROWS) + 0.5) * count / _ROWS).astype(np.int64)])
        return replace(
            self,
            arms=tuple(arm.of(rows) for arm in self.arms),
            probability=self.probability[rows],
            value=self.value[rows],
        )


@dataclass(frozen=True)
class MonthAhead:
    """What is expected once `month` months are over, on average over the companies drawn.

    `learnt` is the share of what can be learnt by then; None where there is nothing. `certified` is the chance that the log then
    proves the programme's choices better than the risk rule. `gain` is money over the static plan so far, slice paid.
    """

    month: int
    learnt: float | None
    certified: float
    gain: float


def risk_rule(outlook: ProgrammeOutlook) -> Choice:
    """Return the offer (n,) of the plain risk rule, -1 for none: one offer, by one success rate on all churn.

    The rate is what the offer's expected numbers come to among those who may get it; who is contacted follows from the
    probability of churn and the value alone. The offer is the one that so is expected to earn most within the budget.
    """
    p = outlook.probability
    best, earned = np.full(p.size, -1), 0.0
    for k, arm in enumerate(outlook.arms):
        expected = arm.design @ np.array([prior.expected for prior in arm.priors])
        rate = max(float(expected[arm.is_eligible].sum()), 0.0) / max(float(p[arm.is_eligible].sum()), 1e-12)
        profit = np.full((1, p.size, len(outlook.arms)), -np.inf)
        profit[0, :, k] = outlook.value * rate * p - arm.contact_cost - arm.incentive_cost * (1.0 - p + rate * p)
        choice = _best(outlook, profit, _money(outlook, 0.0))[0]
        total = float(profit[0, choice >= 0, k].sum())
        if total > earned:
            best, earned = choice, total
    return best


def slice_chances(outlook: ProgrammeOutlook, share: float) -> Floats:
    """Return the chances (n, k + 1) that the random slice alone gives: the offers a customer may get by weight, and none."""
    weighed = np.column_stack([arm.is_eligible * arm.weight for arm in outlook.arms])
    total = weighed.sum(axis=1, keepdims=True)
    offers = np.divide(weighed, total, out=np.zeros_like(weighed), where=total > 0.0) * (1.0 - outlook.leave_alone)
    return np.asarray(share * np.column_stack([offers, 1.0 - offers.sum(axis=1)]))


def _costs(outlook: ProgrammeOutlook) -> Floats:
    return np.array([arm.contact_cost + arm.incentive_cost for arm in outlook.arms])


def _money(outlook: ProgrammeOutlook, slice_share: float) -> float | None:
    """Return the money left to those outside the slice, as if nobody of them were held out."""
    if outlook.budget is None:
        return None
    weight = outlook.customers / outlook.probability.size
    slice_money = weight * float((slice_chances(outlook, slice_share)[:, :-1] @ _costs(outlook)).sum())
    return max(outlook.budget - slice_money, 0.0) / ((1.0 - slice_share) * (1.0 - outlook.holdout_share))


def _best(outlook: ProgrammeOutlook, profit: Floats, money: float | None, may: Bools | None = None) -> Choice:
    """Return the offer (d, n) of the highest `profit` (d, n, k), -1 for none, within `money`; `may` (d, n, k) get each.

    Where money binds, what a unit of it is worth is searched for, and every offer is charged for its cost at that price.
    """
    able = np.where(np.column_stack([arm.is_eligible for arm in outlook.arms]), profit, -np.inf)
    able = able if may is None else np.where(may, able, -np.inf)
    cost, weight = _costs(outlook), outlook.customers / outlook.probability.size

    def chosen(price: Floats) -> Choice:
        net = able - price[:, None, None] * cost
        best = net.argmax(axis=2)
        return np.where(np.take_along_axis(net, best[:, :, None], 2)[:, :, 0] > 0.0, best, -1)

    def spent(choice: Choice) -> Floats:
        return weight * np.asarray(np.where(choice >= 0, cost[choice], 0.0).sum(axis=1))

    free = chosen(np.zeros(len(profit)))
    if money is None or (spent(free) <= money).all():
        return free
    low, high = np.full(len(profit), _LEAST_PRICE), np.full(len(profit), _MOST_PRICE)
    for _ in range(_HALVINGS):
        middle = np.sqrt(low * high)
        is_over = spent(chosen(middle)) > money
        low, high = np.where(is_over, middle, low), np.where(is_over, high, middle)
    return np.where((spent(free) <= money)[:, None], free, chosen(high))


class ForeseenProgramme:
    """The programme of an outlook over `_DRAWS` companies: d companies, n rows, k offers; the last arm is leaving alone."""

    def __init__(self, outlook: ProgrammeOutlook, seed: int) -> None:
        """Draw the companies."""
        self.outlook = outlook
        self._rng = np.random.default_rng(seed)
        self._weight = outlook.customers / outlook.probability.size
        self._p = np.clip(outlook.probability, 1e-3, 1.0 - 1e-3)
        self._truth = [draw_numbers(arm.priors, _DRAWS, self._rng) for arm in outlook.arms]
        self._profit = self._profit_by(self._truth)
        start = [np.array([[prior.expected for prior in arm.priors]]) for arm in outlook.arms]
        self._start = self._profit_by(start)
        self._luck = np.random.default_rng([seed, 1])  # who is drawn for trials
        self._first = self._drawn()
        self._static = self._chosen(self._start, _money(outlook, 0.0), self._first)
        self._rule = risk_rule(outlook)
        self._slice = slice_chances(outlook, outlook.slice_share)

    def static_profit(self) -> float:
        """Return a month's expected profit of the static plan, its holdout left alone."""
        return self._kept() * float(self._earned(np.broadcast_to(self._static, (_DRAWS, self._p.size))).mean())

    def rule_profit(self) -> float:
        """Return a month's expected profit of the plain risk rule, the same holdout left alone."""
        return self._kept() * float(self._earned(np.broadcast_to(self._rule, (_DRAWS, self._p.size))).mean())

    def knowable(self) -> float:
        """Return what knowing each company's numbers would add to the static plan in a month."""
        return self._kept() * float((self._earned(self._oracle()) - self._earned(self._everyones(self._static))).mean())

    def slice_cost(self) -> float:
        """Return what the random slice costs a month, against the static plan with nobody in a slice."""
        share = self.outlook.slice_share
        choice = self._chosen(self._start, _money(self.outlook, share), self._first)
        at_random = self._weight * np.einsum("dnk,nk->d", self._profit, self._slice[:, :-1])
        with_slice = (1.0 - share) * self._kept() * self._earned(choice) + at_random
        return self.static_profit() - float(with_slice.mean())

    def months_ahead(self, months: int) -> tuple[MonthAhead, ...]:
        """Return what is expected after each of so many months, in order."""
        share, arms = self.outlook.slice_share, self.outlook.arms
        precision = [np.zeros((_DRAWS, len(arm.priors), len(arm.priors))) for arm in arms]
        shift = [np.zeros((_DRAWS, len(arm.priors))) for arm in arms]
        static, rule = self._everyones(self._static), self._everyones(self._rule)
        static_profit, at_random = (
            self._earned(static),
            self._weight * np.einsum("dnk,nk->d", self._profit, self._slice[:, :-1]),
        )
        knowable = float((self._earned(self._oracle()) - static_profit).mean())
        money = _money(self.outlook, share)
        choice = self._chosen(self._start, money, self._first)
        gain, proof = np.zeros(_DRAWS), _Proof.none()
        ahead = []
        for month in range(1, months + 1):
            chances = self._chances(choice)
            earned = self._earned(choice)
            gain += (1.0 - share) * self._kept() * earned + at_random - self._kept() * static_profit
            proof = proof.after(self._proof(choice, rule, chances))
            for k, arm in enumerate(arms):
                seen = expected_precision(
                    self._p, arm.design, arm.priors, self._weight * chances[:, :, k], self._weight * chances[:, :, -1]
                )
                precision[k] += seen
                shift[k] += _drawn_shift(seen, self._truth[k], self._rng)
            believed = [posterior_means(arm.priors, precision[k], shift[k]) for k, arm in enumerate(arms)]
            profit = self._profit_by(believed)
            drawn = self._drawn()
            choice = self._chosen(profit, money, drawn, precision)
            unsliced = choice if money is None else self._chosen(profit, _money(self.outlook, 0.0), drawn, precision)
            learnt = float((self._earned(unsliced) - static_profit).mean())
            ahead.append(
                MonthAhead(
                    month=month,
                    learnt=learnt / knowable if knowable > 0.0 else None,
                    certified=proof.chance(),
                    gain=float(gain.mean()),
                )
            )
        return tuple(ahead)

    def _drawn(self) -> Floats:
        return np.asarray(self._luck.random((_DRAWS, self._p.size, len(self.outlook.arms))))

    def _chosen(
        self, profit: Floats, money: float | None, drawn: Floats, precision: list[Floats] | None = None
    ) -> Choice:
        """Return the plan's offer (d, n) by what is believed, doubtful offers for those whom `drawn` picks for their trial."""
        outlook = self.outlook
        profit, start = (np.broadcast_to(table, drawn.shape) for table in (profit, self._start))
        choice = _best(outlook, profit, money)
        may = admitted(outlook.arms, choice, profit, start, outlook.value, self._weight, precision, drawn)
        return choice if may is None else _best(outlook, profit, money, may)

    def _kept(self) -> float:
        return 1.0 - self.outlook.holdout_share

    def _everyones(self, choice: Choice) -> Choice:
        return np.broadcast_to(choice, (_DRAWS, self._p.size))

    def _chances(self, choice: Choice) -> Floats:
        """Return the logged probabilities (d, n, k + 1) of a programme whose choice is (d, n), -1 for leaving alone."""
        share, alone = self.outlook.slice_share, len(self.outlook.arms)
        arm = np.where(choice < 0, alone, choice)
        chances = np.repeat(self._slice[None], _DRAWS, axis=0)
        kept = np.where(arm == alone, 1.0, self._kept())
        np.put_along_axis(
            chances,
            arm[:, :, None],
            np.take_along_axis(chances, arm[:, :, None], 2) + ((1.0 - share) * kept)[:, :, None],
            2,
        )
        chances[:, :, alone] += (1.0 - share) * (1.0 - kept)
        return chances

    def _profit_by(self, numbers: list[Floats]) -> Floats:
        """Return the profit (d, n, k) of contacting each customer with each offer, under drawn or believed numbers (d, k_a)."""
        columns = []
        for arm, values in zip(self.outlook.arms, numbers, strict=True):
            avoided = np.minimum(values @ arm.design.T, self._p)
            taken = arm.incentive_cost * (1.0 - self._p + avoided)
            columns.append(self.outlook.value * avoided - arm.contact_cost - taken)
        return np.stack(columns, axis=2)

    def _earned(self, choice: Choice) -> Floats:
        """Return the true profit (d,) of a choice (d, n) for all it chooses."""
        taken = np.take_along_axis(self._profit, np.maximum(choice, 0)[:, :, None], axis=2)[:, :, 0]
        return self._weight * np.asarray(np.where(choice >= 0, taken, 0.0).sum(axis=1))

    def _oracle(self) -> Choice:
        return _best(self.outlook, self._profit, _money(self.outlook, 0.0))

    def _proof(self, choice: Choice, rule: Choice, chances: Floats) -> _Proof:
        """Return what one month adds to the proof that `choice` (d, n) beats `rule`."""
        alone = len(self.outlook.arms)
        ours, theirs = (np.where(arms < 0, alone, arms)[:, :, None] for arms in (choice, rule))
        profit = np.concatenate([self._profit, np.zeros((*self._profit.shape[:2], 1))], axis=2)
        better = (np.take_along_axis(profit, ours, 2) - np.take_along_axis(profit, theirs, 2))[:, :, 0]
        incentive = np.array([*(arm.incentive_cost for arm in self.outlook.arms), 0.0])
        luck = self._p * (1.0 - self._p)
        noise, weights = np.zeros(better.shape), np.zeros((2, *better.shape))
        with np.errstate(divide="ignore"):
            for place, arms in enumerate((ours, theirs)):
                inverse = 1.0 / np.take_along_axis(chances, arms, 2)[:, :, 0]
                noise += inverse * (self.outlook.value - incentive[arms[:, :, 0]]) ** 2 * luck
                weights[place] = inverse
        is_same = (ours == theirs)[:, :, 0]
        variance = np.where(is_same, 0.0, noise).sum(axis=1) + better.var(axis=1) * better.shape[1]
        return _Proof(
            self._weight * better.sum(axis=1),
            self._weight * variance,
            np.full(len(better), self.outlook.customers),
            self._weight * weights.sum(axis=2).max(axis=0),
        )


@dataclass(frozen=True)
class _Proof:
    """The statistic that the log leads to, by company (d,): gain and variance so far, decisions, and the sum of squared weights."""

    gain: Floats
    variance: Floats
    decisions: Floats
    squares: Floats

    @classmethod
    def none(cls) -> _Proof:
        return cls(np.zeros(1), np.zeros(1), np.zeros(1), np.zeros(1))

    def after(self, month: _Proof) -> _Proof:
        return _Proof(
            self.gain + month.gain,
            self.variance + month.variance,
            self.decisions + month.decisions,
            self.squares + month.squares,
        )

    def chance(self) -> float:
        """Return the share of companies whose interval would lie above 0."""
        from scipy.special import ndtr

        with np.errstate(divide="ignore", invalid="ignore"):
            effective = self.decisions**2 / self.squares
            steps = np.where(self.variance > 0.0, self.gain / np.sqrt(self.variance), 0.0)
        proven = np.where((effective >= LEAST_EFFECTIVE) & (self.variance > 0.0), ndtr(steps - _Z), 0.0)
        return float(proven.mean())


def _drawn_shift(precision: Floats, truth: Floats, rng: np.random.Generator) -> Floats:
    """Return precision x mean (d, k) as outcomes of that `precision` (d, k, k) would have it, the numbers being `truth` (d, k)."""
    values, vectors = np.linalg.eigh(precision)
    root = vectors * np.sqrt(np.clip(values, 0.0, None))[:, None, :]
    return np.asarray(
        np.einsum("dij,dj->di", precision, truth) + np.einsum("dij,dj->di", root, rng.standard_normal(truth.shape))
    )
