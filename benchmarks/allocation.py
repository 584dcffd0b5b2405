"""P11: allocation of six offers to a million customers, beside HiGHS on the whole relaxation of 20,000."""

from __future__ import annotations

import statistics
from typing import Any

import numpy as np

from benchmarks.measuring import Result, in_turns, seconds, told
from churn.progress import Progress

CUSTOMERS = 1_000_000
COMPARED = 20_000  # what HiGHS can still solve at once


def run(customers: int, repeats: int, progress: Progress) -> list[Result]:
    """Measure both; HiGHS gives the seconds and the objective that ours are held to."""
    from churn.decisions.allocation.allocate import allocate

    progress.step("P11: allocation beside HiGHS")
    profit, cost, limits = made_up_offers(COMPARED)
    beside = in_turns(
        lambda: allocate(profit, cost, **limits),
        lambda: _highs(profit, cost, limits),
        repeats=min(repeats, 3),
        warm=False,
    )
    small, objective = allocate(profit, cost, **limits), _highs(profit, cost, limits)
    count = CUSTOMERS if customers >= 120_000 else 10 * customers
    progress.step(f"P11: allocation of {count:,} customers")
    profit, cost, limits = made_up_offers(count)
    taken = [seconds(lambda: allocate(profit, cost, **limits)) for _ in range(min(repeats, 3) + 1)][1:]
    large = allocate(profit, cost, **limits)
    work = f"allocation, {count:,} customers x 6 offers, budget and 3 channel capacities"
    off = abs(small.bound / objective - 1)
    return [
        Result(
            bench="P11",
            work=f"{work}: gap to the bound of the linear relaxation",
            figure=100 * max(large.gap, small.gap),
            unit="%",
            goal="at most",
            bar=0.1,
            aim=0.01,
            ours=f"{large.gap:.1e} at {count:,}, {small.gap:.1e} at {COMPARED:,}",
            reference=f"HiGHS on the same relaxation at {COMPARED:,}: objectives differ by {off:.0e}",
            repeats=1,
            details={"profit": large.profit, "bound": large.bound, "small_bound": small.bound, "highs": objective},
        ),
        Result(
            bench="P11",
            work=f"{work}, with the profit of the next $1,000",
            figure=statistics.median(taken),
            unit="s",
            goal="at most",
            bar=10,
            aim=3,
            ours=told(statistics.median(taken)),
            reference=(
                f"at {COMPARED:,}: HiGHS, the relaxation alone, {told(beside.reference_median)}; ours {told(beside.ours_median)}"
            ),
            repeats=len(taken),
            details={"ours": taken, "ours_small": beside.ours, "highs_small": beside.reference},
        ),
    ]


def made_up_offers(count: int) -> tuple[np.ndarray, np.ndarray, dict[str, Any]]:
    """Return profits (n, 6), costs (n, 6) and limits that all bind, of customers like the case's."""
    rng = np.random.default_rng(11)
    p, value = rng.beta(0.8, 9.0, count), rng.gamma(4.0, 15.0, count)
    cost = np.array([0.5, 1, 2, 4, 6, 10]) * rng.uniform(0.5, 1.5, (count, 6))
    success = np.linspace(0.15, 0.9, 6) * rng.lognormal(0, 0.25, (count, 6))
    profit = (p * value)[:, None] * success - cost
    limits = {
        "budget": 0.3 * count,
        "channel": np.array([0, 0, 1, 1, 2, 2]),
        "channel_capacity": np.array([0.05, 0.05, 0.02]) * count,
    }
    return profit, cost, limits


def _highs(profit: np.ndarray, cost: np.ndarray, limits: dict[str, Any]) -> float:
    """The relaxation's objective by HiGHS on all columns at once."""
    from scipy import optimize, sparse

    customer, offer = np.nonzero(profit > 0)
    columns = np.arange(customer.size)
    once = sparse.csr_matrix((np.ones(customer.size), (customer, columns)), shape=(len(profit), customer.size))
    on = [limits["channel"][offer] == channel for channel in range(3)]
    shared = sparse.csr_matrix(np.array([cost[customer, offer], *on], dtype=np.float64))
    found = optimize.linprog(
        -profit[customer, offer],
        A_ub=sparse.vstack([once, shared]).tocsc(),
        b_ub=np.concatenate([np.ones(len(profit)), [limits["budget"]], np.floor(limits["channel_capacity"])]),
        method="highs",
    )
    return -float(found.fun)
