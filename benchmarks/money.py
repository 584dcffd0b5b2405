"""P9 and P10: the threshold curve beside a plain sort, and a simulation with 2,000 draws."""

from __future__ import annotations

import statistics

import numpy as np

from benchmarks.measuring import Result, in_turns, seconds, told
from churn.decisions.profit import Economics
from churn.progress import Progress

CURVE_CUSTOMERS = 1_000_000


def run(customers: int, repeats: int, progress: Progress) -> list[Result]:
    """Measure both on probabilities like a model's, with outcomes drawn from them and values that differ."""
    return [
        _curve(repeats, progress, CURVE_CUSTOMERS if customers >= 120_000 else 10 * customers),
        _simulation(customers, repeats, progress),
    ]


def made_up(count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return probabilities, outcomes and values of `count` customers."""
    rng = np.random.default_rng(7)
    p = rng.beta(0.8, 9.0, count)
    return p, rng.random(count) < p, rng.gamma(4.0, 15.0, count)


def _curve(repeats: int, progress: Progress, count: int) -> Result:
    from churn.decisions.threshold import threshold_curve

    progress.step("P9: threshold curve")
    p, outcome, value = made_up(count)
    taken = in_turns(
        lambda: threshold_curve(p, outcome, value, Economics()).net_profit, lambda: np.sort(p), repeats=repeats + 4
    )
    return Result(
        bench="P9",
        work=f"threshold curve with net profit, {count:,} customers, outcomes and values given",
        figure=taken.ratio,
        unit="x",
        goal="at most",
        bar=5,
        aim=2,
        ours=told(taken.ours_median),
        reference=f"numpy.sort of the probabilities: {told(taken.reference_median)}",
        repeats=len(taken.ours),
        details={"ours": taken.ours, "reference": taken.reference},
    )


def _simulation(customers: int, repeats: int, progress: Progress) -> Result:
    from churn.decisions.simulation import simulate

    progress.step("P10: simulation")
    p, outcome, value = made_up(customers)
    taken = [seconds(lambda: simulate(p, outcome, value, Economics(), draws=2_000)) for _ in range(repeats + 1)][1:]
    return Result(
        bench="P10",
        work=f"simulation, 2,000 bootstrap draws, {customers:,} customers",
        figure=statistics.median(taken),
        unit="s",
        goal="at most",
        bar=2,
        aim=0.3,
        ours=told(statistics.median(taken)),
        reference="",
        repeats=len(taken),
        details={"ours": taken},
    )
