"""Which input matters most: net profit of one campaign as each input alone moves between its ends."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from churn.decisions.profit import Economics
from churn.decisions.simulation_request import TERMS
from churn.decisions.threshold import CurvePoint
from churn.wording import count, money, percent

COST_RANGE = 0.25  # how far costs are moved, either way
_TERM_LABELS = {term.name: term.label for term in TERMS}
DRIVERS: Final = {
    "success_rate": _TERM_LABELS["success_rate"],
    "value_of_save": _TERM_LABELS["value"],
    "churners_reached": "Churners reached",
    "contact_cost": _TERM_LABELS["contact_cost"],
    "incentive_cost": _TERM_LABELS["incentive_cost"],
}


@dataclass(frozen=True)
class DrawnRange:
    """The 5 %, 50 % and 95 % points of what was drawn."""

    low: float
    median: float
    high: float


@dataclass(frozen=True)
class Sensitivity:
    """Net profit of the chosen campaign when one input alone moves to its low and its high end."""

    name: str
    low: float
    high: float
    profit_at_low: float
    profit_at_high: float

    @property
    def swing(self) -> float:
        """How much the input matters, in money."""
        return abs(self.profit_at_high - self.profit_at_low)


def tornado(
    point: CurvePoint, stake: float, economics: Economics, value_range: tuple[float, float], hits: DrawnRange
) -> tuple[Sensitivity, ...]:
    """Return the net profit of contacting `point.contacts` customers as each input moves alone, largest swing first.

    `stake` is the money that saving every churner among them is worth, `value_range` multiplies it, `hits` is the drawn
    range of churners among them. Success moves between its low and high, costs by a quarter either way.
    """

    def net(terms: Economics, value: float = 1.0, churners: float = point.true_positives) -> float:
        share = churners / point.true_positives if point.true_positives > 0 else 0.0
        saved = terms.success_rate * churners
        takers = saved + point.contacts - churners
        spent = terms.cost_of_contact * point.contacts + terms.cost_of_taker * takers
        return terms.success_rate * stake * share * value - spent

    def moved(name: str, low: float, high: float, build: Callable[[float], float]) -> Sensitivity:
        return Sensitivity(name, low, high, build(low), build(high))

    def with_success(rate: float) -> float:
        return net(replace(economics, success_rate=rate))

    rows = [
        moved("success_rate", economics.success_rate_low, economics.success_rate_high, with_success),
        moved("value_of_save", *value_range, lambda v: net(economics, value=v)),
        moved("churners_reached", hits.low, hits.high, lambda h: net(economics, churners=h)),
    ]
    for name, cost in (("contact_cost", economics.contact_cost), ("incentive_cost", economics.incentive_cost)):
        if cost > 0:
            ends = cost * (1 - COST_RANGE), cost * (1 + COST_RANGE)
            rows.append(moved(name, *ends, lambda c, n=name: net(_with_cost(economics, n, c))))  # type: ignore[misc]  # mypy cannot infer a default in a lambda
    average = stake / point.true_positives if point.true_positives > 0 else 0.0
    rows = [replace(r, low=r.low * average, high=r.high * average) if r.name == "value_of_save" else r for r in rows]
    return tuple(sorted(rows, key=lambda row: (-row.swing, row.name)))


def _with_cost(economics: Economics, name: str, cost: float) -> Economics:
    return replace(economics, **{name: cost})  # type: ignore[arg-type]  # both names are money


def driver_text(name: str, value: float, currency: str) -> str:
    """Return the value of the input `name`, one of DRIVERS, in its own unit."""
    if name == "success_rate":
        return percent(value, 0)
    return count(value) if name == "churners_reached" else money(value, currency)


def interval_of(values: NDArray[Any]) -> DrawnRange:
    """Return the 5 %, 50 % and 95 % points of `values`."""
    return DrawnRange(*(float(q) for q in np.quantile(values, (0.05, 0.5, 0.95))))
