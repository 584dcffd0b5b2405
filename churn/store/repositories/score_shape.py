"""Sums up the current score list: customers, mean risk, margin at risk and a histogram of probability, in one pass."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

from churn.store.repositories.score_reader import Fetch

BINS = 20  # of equal width over 0..1
# Comparisons instead of a cast, since one database rounds where the other truncates.
_WHICH = " ".join(f"when churn_probability < {(n + 1) / BINS} then {n}" for n in range(BINS - 1))


@dataclass(frozen=True)
class ScoreShape:
    """What the list `run_id` looks like. `bins[i]`: customers with a probability in `[i/20, (i+1)/20)`, 1 in the last."""

    run_id: str
    customers: dict[str, int]  # by risk band
    probability_sum: float
    margin_at_risk: float  # monthly margin times probability, summed
    bins: tuple[int, ...]


def shape_of(fetching: Callable[[], AbstractContextManager[Fetch]]) -> ScoreShape | None:
    """Return the shape of the current list, read in one transaction; None before the first one."""
    with fetching() as fetch:
        current = fetch("select run_id from score_runs where is_current", {})
        if not current:
            return None
        rows = fetch(
            "select risk_band, bin, count(*), sum(churn_probability), sum(churn_probability * monthly_margin) from ("
            f"select risk_band, churn_probability, monthly_margin, case {_WHICH} else {BINS - 1} end as bin "
            "from scores) as binned group by risk_band, bin",
            {},
        )
    customers: dict[str, int] = {}
    bins = [0] * BINS
    for band, number, count, _, _ in rows:
        customers[band] = customers.get(band, 0) + int(count)
        bins[int(number)] += int(count)
    return ScoreShape(
        str(current[0][0]),
        customers,
        float(sum(row[3] for row in rows)),
        float(sum(row[4] for row in rows)),
        tuple(bins),
    )
