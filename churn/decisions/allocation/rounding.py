"""Turns the relaxation of an allocation into whole offers: never above a limit, and as near the bound as can be."""

from __future__ import annotations

from heapq import heappop, heappush
from itertools import count

import numpy as np

from churn.decisions.allocation.prices import Relaxation, relax
from churn.decisions.allocation.problem import NONE, AllocationProblem, Choice, Rows
from churn.decisions.checks import Bools, Floats

_CORE = 60  # customers whose offers are chosen anew, exactly, with everybody else's as they are
_GAP = 1e-4  # share of the bound that is not worth that search
_NODES = 40  # of that search; a count of nodes, where seconds would make the answer depend on the machine
_TRIED = 2_000  # customers offered what is left, at most, in one round


def round_off(problem: AllocationProblem, relaxation: Relaxation) -> Choice:
    """Return a choice (n,) that keeps every limit, from the relaxation's."""
    choice = _drop(problem, relaxation.choice.copy(), relaxation.price)
    choice = _fill(problem, choice, relaxation.price)
    missed = relaxation.bound - problem.profit(choice)
    if missed > (_GAP if problem.customers > _CORE else 1e-12) * relaxation.bound:
        better = _choose_anew(problem, choice, _core(problem, choice, relaxation))
        if problem.profit(better) > problem.profit(choice):
            choice = _fill(problem, better, relaxation.price)
    return choice


def _drop(problem: AllocationProblem, choice: Choice, price: Floats) -> Choice:
    """Take offers back, the least worth first, until every limit is kept."""
    while not problem.fits(usage := problem.usage(choice)):
        over = int(np.argmax((usage - problem.limit) / np.maximum(problem.limit, 1.0)))
        taken = np.flatnonzero(choice != NONE)
        use = problem.usage_of(choice[taken], taken)[over]
        taken, use = taken[use > 0], use[use > 0]
        worth = problem.gain[choice[taken], taken] - price @ problem.usage_of(choice[taken], taken)
        order = np.lexsort((-taken, worth / use))
        last = int(np.searchsorted(np.cumsum(use[order]), usage[over] - problem.limit[over])) + 1
        choice[taken[order[:last]]] = NONE
    return choice


def _fill(problem: AllocationProblem, choice: Choice, price: Floats) -> Choice:
    """Offer what is left to those without an offer, the most worth first."""
    choice = choice.copy()
    left = problem.limit - problem.usage(choice)
    while True:
        free = np.flatnonzero(choice == NONE)
        worth = problem.net(price, free)
        # What does not fit by itself cannot fit later either, since less and less is left.
        worth[~_fits_alone(problem, free, left)] = -np.inf
        offer = worth.argmax(axis=0).astype(np.int64) if problem.offers else np.zeros(0, np.int64)
        best = worth[offer, np.arange(free.size)] if free.size else np.zeros(0)
        order = np.argsort(-best, kind="stable")[:_TRIED]
        order = order[best[order] > -np.inf]
        tried, offers = free[order], offer[order]
        usage = problem.usage_of(offers, tried)
        changed = False
        for place in range(tried.size):
            if problem.fits(problem.limit - left + usage[:, place]):
                left = left - usage[:, place]
                choice[tried[place]] = offers[place]
                changed = True
        if not changed:
            return choice


def _fits_alone(problem: AllocationProblem, rows: Rows, left: Floats) -> Bools:
    """(k, rows): whether an offer has a gain and takes no more than what is left of each limit."""
    fits: Bools = problem.gain[:, rows] > 0.0
    room = left + 1e-9 * np.maximum(1.0, problem.limit)
    for row in range(left.size):
        on_count, on_money = problem.count[row] > 0, problem.money[row] > 0
        if room[row] < 1.0:
            fits[on_count] = False
        for offer in np.flatnonzero(on_money):
            cost = problem.cost[offer, rows] if problem.cost.shape[1] != 1 else problem.cost[offer, 0]
            fits[offer] &= cost <= room[row]
    return fits


def _core(problem: AllocationProblem, choice: Choice, relaxation: Relaxation) -> Rows:
    """The customers whose choice is least firm, those left loose first; everybody where they are few."""
    if problem.customers <= _CORE:
        return np.arange(problem.customers)
    _, _, secure = problem.look(relaxation.price, relaxation.reach)
    secure[relaxation.loose] = -1.0
    secure[choice != relaxation.choice] = -1.0
    return np.sort(np.argpartition(secure, _CORE)[:_CORE])


def _choose_anew(problem: AllocationProblem, choice: Choice, core: Rows) -> Choice:
    """Choose the offers of `core` anew, everybody else's as they are; the choice as it was where none is better."""
    fixed = choice.copy()
    fixed[core] = NONE
    here = problem.some(core, np.maximum(problem.limit - problem.usage(fixed), 0.0))
    better = _search(here, choice[core])
    fixed[core] = better
    return fixed if problem.fits(problem.usage(fixed)) else choice


def _search(problem: AllocationProblem, best: Choice) -> Choice:
    """Return the best choice by branch and bound, or the best met within `_NODES`; never worse than `best`, which fits.

    A node fixes the offers of some customers and relaxes the rest. It branches on a customer left loose; at the node's
    prices the net gain that a branch gives up bounds what can be reached through it, before anything is solved.
    """
    target, solved, turn = problem.profit(best), 0, count()
    nodes: list[tuple[float, int, tuple[tuple[int, int], ...]]] = [(-np.inf, next(turn), ())]
    while nodes and solved < _NODES:
        bound, _, given = heappop(nodes)
        if -bound <= target * (1.0 + 1e-12):
            break  # the rest promises no more
        at = np.array([customer for customer, _ in given], dtype=np.int64)
        offers = np.array([offer for _, offer in given], dtype=np.int64)
        taken = offers != NONE
        used = problem.usage_of(offers[taken], at[taken]).sum(axis=1)
        if not problem.fits(used):
            continue
        others = np.setdiff1d(np.arange(problem.customers), at)
        rest = problem.some(others, np.maximum(problem.limit - used, 0.0))
        relaxation, solved = relax(rest), solved + 1
        candidate = np.empty(problem.customers, dtype=np.int16)
        candidate[at], candidate[others] = (
            offers,
            _fill(rest, _drop(rest, relaxation.choice.copy(), relaxation.price), relaxation.price),
        )
        if problem.fits(problem.usage(candidate)) and problem.profit(candidate) > target:
            best, target = candidate, problem.profit(candidate)
        if relaxation.loose.size:
            earned = float(problem.gain[offers[taken], at[taken]].sum()) + relaxation.bound
            net = np.maximum(rest.net(relaxation.price, relaxation.loose), -np.inf)
            place = int(np.argmax(net.max(axis=0)))
            customer, worth = int(others[relaxation.loose[place]]), np.append(net[:, place], 0.0)
            for offer, regret in enumerate(worth.max() - worth):
                if earned - regret > target * (1.0 + 1e-12):
                    picked = NONE if offer == problem.offers else offer
                    heappush(nodes, (regret - earned, next(turn), (*given, (customer, picked))))
    return best
