"""P10, the part a hand feels: one answer of the simulator for other terms, the customers being prepared."""

from __future__ import annotations

import time

import numpy as np

from benchmarks.measuring import Result
from churn.decisions.profit import Economics
from churn.decisions.recompute import PreparedCustomers
from churn.progress import Progress

BAR_MS, AIM_MS = 15.0, 10.0
QUESTIONS = 60


def run(customers: int, repeats: int, progress: Progress) -> list[Result]:
    """Ask as a hand does that drags a cost: each time other terms, the whole curve with its bands, optimum and tornado."""
    rng = np.random.default_rng(7)
    probability = rng.beta(0.7, 6.0, customers)
    margin = rng.choice([9.0, 19.0, 29.0, 49.0], customers) * rng.uniform(0.4, 1.0, customers)
    progress.step(f"simulator: preparing {customers:,} customers")
    began = time.perf_counter()
    prepared = PreparedCustomers(probability, margin)
    preparing = time.perf_counter() - began
    progress.step(f"simulator: {QUESTIONS} questions, {repeats} times")
    taken = []
    for turn in range(repeats):
        for step in range(QUESTIONS):
            terms = Economics(profit_model="incentive", contact_cost=1.0 + 0.05 * step, incentive_cost=2.0 + turn)
            began = time.perf_counter()
            prepared.answer(terms)
            taken.append(1000 * (time.perf_counter() - began))
    p95 = float(np.quantile(taken, 0.95))
    return [
        Result(
            "P10",
            f"simulator: one answer for other terms, p95, {customers:,} customers",
            p95,
            "ms",
            "at most",
            BAR_MS,
            AIM_MS,
            f"{np.median(taken):.1f} ms median",
            "",
            repeats,
            note=f"Prepared once per list in {preparing:.2f} s.",
        )
    ]
