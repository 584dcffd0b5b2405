"""Growth: the same work for more customers, and the exponent of time fitted over the sizes."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from benchmarks.allocation import made_up_offers
from benchmarks.company import company, trained
from benchmarks.features import build_all, months_before
from benchmarks.measuring import Result, seconds, told
from benchmarks.money import made_up
from benchmarks.nightly import one_night
from churn.progress import Progress

MONTHS = 18


def run(sizes: Sequence[int], progress: Progress) -> list[Result]:
    """Measure features of one date (P1), the night (P5), the curve (P9) and the allocation (P11) at each size; the best of a few turns."""

    def features(size: int) -> float:
        found = company(size, MONTHS, progress)
        progress.step(f"Growth: features of {size:,} customers")
        with found.context().open_warehouse("bench") as warehouse:
            return min(seconds(lambda: build_all(warehouse, found, months_before(found.cutoff, 1))) for _ in range(3))

    def night(size: int) -> float:
        found = company(size, MONTHS, progress)
        trained(found, progress)
        return min(one_night(found, progress, turn)["seconds"] for turn in range(2))

    return [
        _fitted("P1", "features of one date", features, sizes),
        _fitted("P5", "nightly run", night, sizes),
        _fitted("P9", "threshold curve", _curve, [10 * size for size in sizes]),
        _fitted("P11", "allocation", _allocation, [10 * size for size in sizes]),
    ]


def _curve(size: int) -> float:
    from churn.decisions.profit import Economics
    from churn.decisions.threshold import threshold_curve

    p, outcome, value = made_up(size)
    return min(seconds(lambda: threshold_curve(p, outcome, value, Economics()).net_profit) for _ in range(5))


def _allocation(size: int) -> float:
    from churn.decisions.allocation.allocate import allocate

    profit, cost, limits = made_up_offers(size)
    return min(seconds(lambda: allocate(profit, cost, **limits)) for _ in range(3))


def _fitted(bench: str, work: str, measure: Callable[[int], float], sizes: Sequence[int]) -> Result:
    taken = [measure(size) for size in sizes]
    exponent = float(np.polyfit(np.log(sizes), np.log(taken), 1)[0])
    return Result(
        bench=bench,
        work=f"growth of {work}: exponent of time over customers",
        figure=exponent,
        unit="exponent",
        goal="at most",
        bar=1.1,
        aim=1.0,
        ours=", ".join(f"{size:,}: {told(t)}" for size, t in zip(sizes, taken, strict=True)),
        reference="",
        repeats=1,
        details={"sizes": list(sizes), "seconds": taken},
    )
