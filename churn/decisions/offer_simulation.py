"""What an offer is worth on terms of its own: effects by cause, costs and values that differ by customer, chosen as a plan does.

The general case of `simulation`, where one success rate and one cost hold for all and an order by probability says it all.
Here every customer has their own churn avoided, cost and value, so sums run over customers from the highest expected profit
down, those who were chosen first, and draws are of the offer's own numbers as they are believed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

from churn.decisions.checks import Bools, Floats
from churn.decisions.choices import Mode
from churn.decisions.draws import draw_success
from churn.decisions.effect import Belief
from churn.decisions.profit import ContactValues, CustomerTerms, Economics
from churn.decisions.sensitivity import COST_RANGE, DrawnRange, Sensitivity, interval_of
from churn.decisions.simulation import BINS, Optimum, SimulationResult
from churn.decisions.threshold import CurvePoint

_NOBODY: Final = float("inf")
_Mean = Callable[[Floats], Floats]  # the means of what customers have, in each bin


@dataclass(frozen=True)
class PricedCustomers:
    """n customers as one offer prices them, and `economics` with the means of what differs among them.

    `value` is that of a save. What the churn avoided may err by: the `belief` in the offer's numbers with the factors of each
    customer, `design` (n, k), or `effect_error`, the standard error of a measured effect; without either the range of the
    success rate.
    """

    probability: Floats
    value: Floats
    values: ContactValues
    economics: Economics
    terms: CustomerTerms
    belief: Belief | None = None
    design: Floats | None = None
    effect_error: float | None = None

    @cached_property
    def fixed(self) -> Floats:
        """What each contact costs, (n,)."""
        return np.broadcast_to(np.asarray(self.economics.costs(self.terms)[0], dtype=np.float64), self.value.shape)

    @cached_property
    def taker(self) -> Floats:
        """What each who stays costs on top, (n,)."""
        return np.broadcast_to(np.asarray(self.economics.costs(self.terms)[1], dtype=np.float64), self.value.shape)

    @cached_property
    def perfect_profit(self) -> float:
        """What contacting those who churn, and nobody else, would earn: each saved as often as the offer saves churners."""
        gain = self.values.avoided * (self.value - self.taker) - self.probability * self.fixed
        return float(np.maximum(gain, 0.0).sum())


def simulate_offer(
    customers: PricedCustomers,
    chosen: Bools,
    *,
    mode: Mode,
    value_range: tuple[float, float] = (0.8, 1.2),
    draws: int = 2_000,
    seed: int = 7,
    level_error: float = 0.0,
) -> SimulationResult:
    """Simulate contacting `chosen` (n,), whom a plan, or whoever asks, picked; the optimum is everybody whom it pays to contact.

    `level_error`: the share by which the probabilities of all may err alike, a standard deviation, as a plan draws it too.
    """
    profit, p = customers.values.profit, customers.probability
    rank = p if mode == "threshold" else profit
    result = _Ordered(customers, np.lexsort((-rank, ~chosen)), level_error).result(
        int(chosen.sum()), mode=mode, value_range=value_range, draws=draws, seed=seed
    )
    by_profit = _Ordered(customers, np.argsort(-profit, kind="stable"), level_error)
    return replace(
        result,
        optimum=by_profit.optimum(int((profit > 0.0).sum()), value_range=value_range, draws=draws, seed=seed),
    )


@dataclass(frozen=True)
class _Ordered:
    """The customers in the order in which they are contacted."""

    customers: PricedCustomers
    order: NDArray[np.intp]
    level_error: float

    @cached_property
    def _sums(self) -> tuple[Floats, ...]:
        """Churners, saves, revenue and cost down to each customer, and the lowest probability so far."""
        given, order = self.customers, self.order
        running = (given.probability, given.values.avoided, given.values.revenue, given.values.cost)
        sums = tuple(np.cumsum(values[order]) for values in running)
        return (*sums, np.minimum.accumulate(given.probability[order]))

    def point(self, contacts: int) -> CurvePoint:
        """Return what contacting the first `contacts` comes to."""
        churners = float(self.customers.probability.sum())
        if not contacts:
            return CurvePoint(_NOBODY, 0.0, 0.0, 0.0, None, 0.0 if churners else None, 0.0, 0.0, 0.0, 0.0, None)
        hits, saves, revenue, cost, threshold = (float(values[contacts - 1]) for values in self._sums)
        return CurvePoint(
            threshold=threshold,
            contacts=float(contacts),
            true_positives=hits,
            false_positives=contacts - hits,
            precision=hits / contacts,
            recall=hits / churners if churners else None,
            cost=cost,
            retained=saves,
            revenue=revenue,
            net_profit=revenue - cost,
            roi=(revenue - cost) / cost if cost > 0 else None,
        )

    def ends(self, contacts: int) -> NDArray[np.int64]:
        """Return where the curve is cut: even shares of the customers, and `contacts`."""
        even = np.union1d(np.linspace(0.0, 1.0, BINS // 2 + 1), (0.01, 0.02))
        cuts = np.union1d(np.ceil(even * self.order.size), [contacts]).astype(np.int64)
        return cuts[cuts > 0]

    def drawn(
        self, ends: NDArray[np.int64], value_range: tuple[float, float], draws: int, seed: int
    ) -> tuple[Floats, Floats]:
        """Return the churners and the net profits drawn, (draws, cuts) each: down to each cut."""
        given, rng = self.customers, np.random.default_rng(seed)
        starts = np.concatenate([[0], ends[:-1]])
        size = np.diff(np.append(starts, ends[-1])).astype(np.float64)

        def mean(values: Floats) -> Floats:
            ordered = values[self.order]
            return np.add.reduceat(ordered, starts, axis=0) / (size if values.ndim == 1 else size[:, None])

        p, avoided = mean(given.probability), mean(given.values.avoided)
        some = np.where(np.abs(avoided) > 1e-12, avoided, 1.0)
        worth = np.where(np.abs(avoided) > 1e-12, mean(given.values.revenue) / some, mean(given.value))
        counts = rng.multinomial(int(size.sum()), size / size.sum(), size=draws)
        off = np.maximum(1.0 + self.level_error * rng.standard_normal((draws, 1)), 0.0)
        expected = np.clip(p * off, 0.0, 1.0)
        churners = rng.binomial(counts, expected)
        effect = self._effect(mean, avoided, draws, rng)
        if given.effect_error is None:  # a share of the churners, and of more or fewer where the level is off
            effect = effect * off
        kept = rng.binomial(churners, np.clip(effect / np.where(expected > 0, expected, 1.0), 0.0, 1.0))
        saves = kept - rng.binomial(counts - churners, np.clip(-effect, 0.0, 1.0))  # harm drives stayers away
        low, high = value_range
        level = rng.triangular(low, 1.0, high, draws)[:, None] if low < high else 1.0
        spent = counts * mean(given.fixed) + (counts - churners + saves) * mean(given.taker)
        return np.cumsum(churners, axis=1), np.cumsum(level * saves * worth - spent, axis=1)

    def _effect(self, mean: _Mean, avoided: Floats, draws: int, rng: np.random.Generator) -> Floats:
        """Return the churn avoided as it may truly be, (draws, bins)."""
        given = self.customers
        if given.effect_error is not None:
            return avoided + given.effect_error * rng.standard_normal((draws, 1))
        if given.belief is not None and given.design is not None:
            # Around the expected one, which is capped at the probability of each.
            off = given.belief.draw(draws, rng) - given.belief.mean
            return np.asarray(avoided + off @ mean(given.design).T)
        rate = given.economics.success_rate
        scale = draw_success(given.economics, draws, rng) / rate if rate > 0 else np.ones(draws)
        return np.asarray(avoided * scale[:, None])

    def result(
        self, contacts: int, *, mode: Mode, value_range: tuple[float, float], draws: int, seed: int
    ) -> SimulationResult:
        """Return the simulation of contacting the first `contacts`."""
        given, ends = self.customers, self.ends(contacts)
        churners, net = self.drawn(ends, value_range, draws, seed)
        point, place = self.point(contacts), int(np.searchsorted(ends, contacts)) if contacts else -1
        mine = net[:, place] if contacts else np.zeros(draws)
        low, median, high = np.quantile(net, (0.05, 0.5, 0.95), axis=0)
        total = float(given.probability.sum())
        stakes = float((given.probability * given.value).sum())
        hits = interval_of(churners[:, place]) if contacts else DrawnRange(0.0, 0.0, 0.0)
        return SimulationResult(
            mode=mode,
            outcomes="expected",
            point=point,
            customers=given.probability.size,
            churners=total,
            average_value=stakes / total if total > 0 else float(given.value.mean()),
            break_even=float("nan"),  # no one probability: what a contact must avoid differs by customer
            profit=interval_of(mine),
            loss_probability=float(np.mean(mine < 0.0)),
            grid=tuple(self.point(int(end)) for end in ends),
            bands=tuple(DrawnRange(*map(float, points)) for points in zip(low, median, high, strict=True)),
            optimum=None,
            tornado=self._tornado(point, hits, value_range),
            perfect_profit=given.perfect_profit,
            splits_ties=False,
            draws=draws,
            seed=seed,
        )

    def optimum(self, contacts: int, *, value_range: tuple[float, float], draws: int, seed: int) -> Optimum:
        """Return the best point, which `contacts` ends at, and what it may be when everything is drawn anew."""
        ends = self.ends(contacts)
        _, net = self.drawn(ends, value_range, draws, seed)
        winner = np.argmax(np.hstack([np.zeros((draws, 1)), net]), axis=1)
        thresholds = np.append(1.0, self._sums[-1][ends - 1])
        place = int(np.searchsorted(ends, contacts))
        return Optimum(
            point=self.point(contacts),
            threshold=interval_of(thresholds[winner]),
            contacts=interval_of(np.append(0.0, ends)[winner]),
            profit=interval_of(net[:, place] if contacts else np.zeros(draws)),
            optimism=0.0,
        )

    def _tornado(
        self, point: CurvePoint, hits: DrawnRange, value_range: tuple[float, float]
    ) -> tuple[Sensitivity, ...]:
        """Return the net profit of the first `point.contacts` as each input alone moves, largest swing first."""
        given, rows = self.customers, self.order[: int(point.contacts)]
        if not rows.size:
            return ()
        avoided, taker = given.values.avoided[rows], given.taker[rows]
        stays = 1.0 - given.probability[rows]
        fixed, revenue = float(given.fixed[rows].sum()), point.revenue
        takers, saved_takers = float((taker * stays).sum()), float((taker * avoided).sum())
        p, saves = point.true_positives, point.retained

        def net(*, success: float = 1.0, value: float = 1.0, churners: float = 1.0, cost: float = 0.0) -> float:
            stayers = float((taker * (1.0 - churners * given.probability[rows])).sum())
            spent = fixed + (takers if churners == 1.0 else stayers) + success * churners * saved_takers
            return success * churners * value * revenue - spent - cost

        low, high = self._success_range(rows)
        rows_of = [
            Sensitivity(
                "value_of_save",
                value_range[0] * revenue / saves if saves else 0.0,
                value_range[1] * revenue / saves if saves else 0.0,
                net(value=value_range[0]),
                net(value=value_range[1]),
            ),
            Sensitivity(
                "churners_reached", hits.low, hits.high, net(churners=hits.low / p), net(churners=hits.high / p)
            )
            if p > 0
            else None,
            Sensitivity("success_rate", low, high, net(success=low * p / saves), net(success=high * p / saves))
            if abs(saves) > 1e-9 and p > 0
            else None,
        ]
        for name, own, number in (
            ("contact_cost", given.terms.contact_cost, given.economics.contact_cost),
            ("incentive_cost", given.terms.incentive_cost, given.economics.incentive_cost),
        ):
            average = number if own is None else float(own[rows].mean())
            part = self._part(name, rows)
            if average > 0:
                ends = average * (1 - COST_RANGE), average * (1 + COST_RANGE)
                rows_of.append(
                    Sensitivity(name, *ends, net(cost=-COST_RANGE * part), net(cost=COST_RANGE * part)),
                )
        return tuple(sorted((row for row in rows_of if row), key=lambda row: (-row.swing, row.name)))

    def _part(self, name: str, rows: NDArray[np.intp]) -> float:
        """Return what one of the two costs makes of the bill of `rows`."""
        given = self.customers
        own, terms = given.terms.of(rows), given.economics
        contact = terms.contact_cost if own.contact_cost is None else own.contact_cost
        if name == "contact_cost":
            return float(np.broadcast_to(contact, rows.shape).sum())
        return float(given.values.cost[rows].sum()) - float(np.broadcast_to(contact, rows.shape).sum())

    def _success_range(self, rows: NDArray[np.intp]) -> tuple[float, float]:
        """Return the 5 % and 95 % points of the share of the churners among `rows` who stay because of the contact."""
        given = self.customers
        churners = float(given.probability[rows].sum())
        rate = float(given.values.avoided[rows].sum()) / churners if churners else 0.0
        if given.effect_error is not None:
            spread = 1.6448536 * given.effect_error * rows.size / churners if churners else 0.0
        elif given.belief is not None and given.design is not None:
            error = given.belief.error(given.design[rows])
            spread = 1.6448536 * error * rows.size / churners if churners else 0.0
        else:
            base = given.economics.success_rate
            scale = rate / base if base > 0 else 0.0
            return given.economics.success_rate_low * scale, given.economics.success_rate_high * scale
        return rate - spread, rate + spread
