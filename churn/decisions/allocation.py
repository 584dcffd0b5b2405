"""Chooses at most one offer per customer for the most expected profit under budgets and capacities."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import optimize, sparse

from churn.decisions.checks import Floats
from churn.errors import DataError


@dataclass(frozen=True)
class Allocation:
    """Who gets which offer, and what the limits cost.

    `choice` (n,) is the offer's position, -1 for none. `profit` and `cost` are totals in money; `bound` is the profit
    of the linear relaxation, which no choice can beat, and `gap` the share of it that is missed. Shadow prices say what
    one more unit would earn: `shadow_budget` per $1, `shadow_offer` (k,) and `shadow_channel` per contact,
    `shadow_offer_budget` (k,) per $1. `next_thousand` is what the next $1,000 of total budget would earn.
    """

    choice: NDArray[np.int16]
    profit: float
    cost: float
    bound: float
    gap: float
    shadow_budget: float
    shadow_offer: Floats
    shadow_offer_budget: Floats
    shadow_channel: Floats
    next_thousand: float
    contacts: NDArray[np.int64]


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
    """Return the allocation of k offers to n customers."""
    p = np.array(profit, dtype=np.float64)
    n, k = p.shape
    c = np.broadcast_to(np.asarray(cost, dtype=np.float64), (n, k))
    ok = np.ones((n, k), bool) if eligible is None else np.asarray(eligible, bool)
    if not np.isfinite(p[ok]).all() or not np.isfinite(c[ok]).all():
        raise DataError("missing values", where="profit")
    ok = ok & (p > 0)
    rows: list[tuple[NDArray[np.float64], float]] = []
    place: dict[str, list[int]] = {"budget": [], "offer": [], "offer_budget": [], "channel": []}

    def add(name: str, usage: NDArray[np.float64], limit: float) -> None:
        place[name].append(len(rows))
        rows.append((np.where(ok, usage, 0.0), limit))

    eye = np.eye(k)
    if budget is not None:
        add("budget", c, budget)
    if offer_capacity is not None:
        for j, limit in enumerate(np.asarray(offer_capacity, float)):
            add("offer", np.broadcast_to(eye[j], (n, k)), limit)
    if offer_budget is not None:
        for j, limit in enumerate(np.asarray(offer_budget, float)):
            add("offer_budget", c * eye[j], limit)
    if channel is not None and channel_capacity is not None:
        for h, limit in enumerate(np.asarray(channel_capacity, float)):
            add("channel", np.broadcast_to(np.asarray(channel) == h, (n, k)).astype(float), limit)
    shadow = np.zeros(len(rows))
    choice = np.full(n, -1, np.int16)
    bound, more = 0.0, 0.0
    at = np.flatnonzero(ok.ravel())
    if at.size:
        once = sparse.csr_matrix((np.ones(at.size), (at // k, np.arange(at.size))), shape=(n, at.size))
        shared = sparse.csr_matrix(np.array([u.ravel()[at] for u, _ in rows]).reshape(len(rows), at.size))
        a = sparse.vstack([once, shared]).tocsc()

        def solve(extra: float) -> optimize.OptimizeResult:
            limits = np.array([b for _, b in rows])
            limits[place["budget"]] += extra
            return optimize.linprog(
                -p.ravel()[at], A_ub=a, b_ub=np.concatenate([np.ones(n), limits]), bounds=(0, 1), method="highs"
            )

        found = solve(0.0)
        bound, shadow = -float(found.fun), -found.ineqlin.marginals[n:]
        more = -float(solve(1000.0).fun) - bound if budget is not None else 0.0
        left = np.array([b for _, b in rows])
        usage = np.array([u.ravel() for u, _ in rows]).reshape(len(rows), n * k)
        for variable in np.lexsort((-p.ravel()[at], -found.x.round(9))):
            pair = at[variable]
            if choice[pair // k] < 0 and (usage[:, pair] <= left + 1e-9).all():
                choice[pair // k] = pair % k
                left -= usage[:, pair]
    taken = np.flatnonzero(choice >= 0)
    total = float(p[taken, choice[taken]].sum())

    def of(name: str, size: int) -> Floats:
        return shadow[place[name]] if place[name] else np.zeros(size)

    return Allocation(
        choice=choice,
        profit=total,
        cost=float(c[taken, choice[taken]].sum()),
        bound=bound,
        gap=(bound - total) / bound if bound > 0 else 0.0,
        shadow_budget=float(of("budget", 1)[0]),
        shadow_offer=of("offer", k),
        shadow_offer_budget=of("offer_budget", k),
        shadow_channel=of("channel", 0 if channel_capacity is None else np.size(np.asarray(channel_capacity))),
        next_thousand=more,
        contacts=np.bincount(choice[taken], minlength=k),
    )
