"""What a simulation is asked: where to cut, under which terms, on whom; and how that lies over the settings."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any, Literal

from churn.decisions.profit import Economics, ProfitModel
from churn.decisions.simulation import Mode
from churn.errors import ConfigError

_AMOUNTS = (
    "threshold",
    "budget",
    "contact_cost",
    "incentive_cost",
    "success_rate",
    "success_rate_low",
    "success_rate_high",
    "margin",
    "value",
)


@dataclass(frozen=True)
class SimulationRequest:
    """What to simulate; what is None comes from the settings. At most one of threshold, budget and contacts.

    `margin` is a month's margin and `value` the money that a save is worth, either the same for every customer; without
    them each customer's own margin over `months`. `success_rate_low` and `_high` are its 5 % and 95 % points; without
    them those of the settings move with the rate. `on`: the published scores, whose outcomes are not known yet, or the
    champion's evaluation set, whose are.
    """

    threshold: float | None = None
    budget: float | None = None
    contacts: int | None = None
    contact_cost: float | None = None
    incentive_cost: float | None = None
    success_rate: float | None = None
    success_rate_low: float | None = None
    success_rate_high: float | None = None
    margin: float | None = None
    value: float | None = None
    months: int | None = None
    profit_model: ProfitModel | None = None
    preset: Literal["case-study"] | None = None
    on: Literal["scores", "evaluation"] = "scores"
    allow_uncalibrated: bool = False
    save: str | None = None
    name: str | None = None
    seed: int = 7


def mode_of(request: SimulationRequest) -> tuple[Mode, float | None]:
    """Return how the campaign is chosen and the amount that decides it.

    Raises ConfigError for a request that contradicts itself or holds an amount that is none.
    """
    for name in _AMOUNTS:
        amount = getattr(request, name)
        if amount is not None and not math.isfinite(amount):
            raise ConfigError(
                f"{amount} is not an amount", where=f"--{name.replace('_', '-')}", remedy="Give a number."
            )
    if request.value is not None and (request.months is not None or request.margin is not None):
        raise ConfigError(
            "a value of a save already covers all its months",
            where="--value",
            remedy="Give --value, or --margin and --months.",
        )
    asked: list[tuple[Mode, float | None]] = [
        ("threshold", request.threshold),
        ("budget", request.budget),
        ("contacts", request.contacts),
    ]
    given = [(mode, amount) for mode, amount in asked if amount is not None]
    if len(given) > 1:
        names = " and ".join(f"--{mode}" for mode, _ in given)
        raise ConfigError(f"{names} exclude one another", where="churn simulate", remedy="Give one of them.")
    return given[0] if given else ("optimum", None)


def lay_over(base: Economics, request: SimulationRequest) -> Economics:
    """Lay the request over the settings' terms; a success rate takes along, in proportion, what is not given of its range.

    Raises ConfigError for terms out of range.
    """
    changes: dict[str, Any] = {
        name: getattr(request, name)
        for name in ("contact_cost", "incentive_cost", "profit_model")
        if getattr(request, name) is not None
    }
    if request.months is not None:
        changes["value_months"] = request.months
    rate = base.success_rate if request.success_rate is None else request.success_rate
    ratio = rate / base.success_rate if base.success_rate > 0 else 1.0
    low, high = request.success_rate_low, request.success_rate_high
    changes["success_rate"] = rate
    changes["success_rate_low"] = min(rate, base.success_rate_low * ratio) if low is None else low
    changes["success_rate_high"] = max(rate, min(1.0, base.success_rate_high * ratio)) if high is None else high
    return replace(base, **changes)


def value_for_all(request: SimulationRequest, economics: Economics) -> float | None:
    """Return the value of a save that `request` sets for every customer; None where each one's own margin counts."""
    if request.value is None and request.margin is not None:
        return economics.value_of_save(request.margin)
    return request.value
