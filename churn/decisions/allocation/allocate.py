"""Chooses at most one offer per customer for the most expected profit under budgets and capacities.

A multiple-choice knapsack with several limits. Its linear relaxation is solved exactly (`allocation_prices`), which
gives a bound that no choice can beat and the shadow price of each limit; whole offers are then handed out without
breaking a limit (`allocation_rounding`). The same arguments give the same choice on every machine.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from churn.decisions.allocation.prices import Relaxation, relax
from churn.decisions.allocation.problem import NONE, AllocationProblem, Choice, LimitList, gains, limits
from churn.decisions.allocation.rounding import round_off
from churn.decisions.checks import Floats

STEP = 1_000.0  # of budget, whose profit is reported


@dataclass(frozen=True)
class Allocation:
    """Who gets which offer, and what the limits cost.

    `choice` (n,) is the offer's position, -1 for none. `profit` and `cost` are totals in money, `contacts` (k,) counts.
    `bound` is the profit of the linear relaxation, which no choice can beat, and `gap` the share of it that is missed.
    Shadow prices say what one more unit would earn: `shadow_budget` and `shadow_offer_budget` (k,) per $1, `shadow_offer`
    (k,) and `shadow_channel` per contact; 0 where the limit does not bind, or is not set. `next_thousand` is what the
    next $1,000 of total budget would earn, by solving the relaxation again.
    """

    choice: Choice
    profit: float
    cost: float
    contacts: NDArray[np.int64]
    bound: float
    gap: float
    shadow_budget: float
    shadow_offer: Floats
    shadow_offer_budget: Floats
    shadow_channel: Floats
    next_thousand: float


def allocate(
    profit: ArrayLike,
    cost: ArrayLike,
    *,
    budget: float | None = None,
    offer_capacity: ArrayLike | None = None,
    offer_budget: ArrayLike | None = None,
    channel: ArrayLike | None = None,
    channel_capacity: ArrayLike | None = None,
    eligible: ArrayLike | None = None,
) -> Allocation:
    """Return the choice of at most one of k offers for each of n customers.

    `profit` (n, k) is the expected profit of each offer, its cost already taken off; `cost` (n, k) or (k,) is what it
    takes of the budgets. `offer_capacity` and `channel_capacity` count contacts, `budget` and `offer_budget` are money;
    None or infinity means no limit. `channel` (k,) is each offer's position in `channel_capacity`. `eligible` (n, k)
    false rules an offer out, whatever its amounts. Offers that earn nothing are not made. Among equals the customer,
    and the offer, that comes first wins; limits hold to the rounding of a sum (one part in 10^9).

    Raises DataError for amounts that are missing, infinite, or costs below 0; CampaignError for limits that are missing
    or below 0. Formulation: Kellerer, Pferschy and Pisinger 2004, chapter 11, with several constraints.
    """
    gain, costs = gains(profit, cost, eligible)
    rules = limits(gain.shape[0], budget, offer_capacity, offer_budget, channel, channel_capacity)
    can = np.flatnonzero((gain > 0.0).any(axis=0))  # the others get nothing at any price
    problem = AllocationProblem(gain, costs, rules.count, rules.money, rules.limit)
    if can.size < gain.shape[1]:
        problem = problem.some(can, rules.limit)
    relaxation = relax(problem)
    some = round_off(problem, relaxation)
    choice = np.full(gain.shape[1], NONE, dtype=np.int16)
    choice[can] = some
    total, taken = problem.profit(some), np.flatnonzero(some != NONE)
    bound = max(relaxation.bound, total)  # which it is but for rounding
    channels = 0 if channel_capacity is None else int(np.size(np.asarray(channel_capacity)))
    return Allocation(
        choice=choice,
        profit=total,
        cost=float(problem.cost_of(some[taken], taken).sum()),
        contacts=np.bincount(some[taken], minlength=problem.offers),
        bound=bound,
        gap=(bound - total) / bound if bound > 0.0 else 0.0,
        shadow_budget=float(rules.prices("budget", 1, relaxation.price)[0]),
        shadow_offer=rules.prices("offer_capacity", problem.offers, relaxation.price),
        shadow_offer_budget=rules.prices("offer_budget", problem.offers, relaxation.price),
        shadow_channel=rules.prices("channel_capacity", channels, relaxation.price),
        next_thousand=_next_profit(problem, rules, relaxation),
    )


def _next_profit(problem: AllocationProblem, rules: LimitList, relaxation: Relaxation) -> float:
    """What another `STEP` of total budget adds to the relaxation's profit; 0 where no total budget binds."""
    if "budget" not in rules.name:
        return 0.0
    row = rules.name.index("budget")
    if relaxation.price[row] <= 0.0:
        return 0.0
    more = rules.limit.copy()
    more[row] += STEP
    return max(relax(replace(problem, limit=more), relaxation).bound - relaxation.bound, 0.0)
