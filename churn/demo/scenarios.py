"""The worlds one can ask for: the case itself, a competitor's attack, faulty deliveries, and pure chance."""

from __future__ import annotations

import difflib
from dataclasses import dataclass

from churn.errors import ConfigError


@dataclass(frozen=True)
class Scenario:
    """What differs from the base world."""

    name: str
    description: str
    competitor_from_month: int | None = None  # index of the first month with a competitor's discounts
    is_dirty: bool = False
    is_random_churn: bool = False


SCENARIOS: dict[str, Scenario] = {
    scenario.name: scenario
    for scenario in (
        Scenario(
            "base", "The case: 8 % monthly churn, three findings, clean deliveries with late and repeated records."
        ),
        Scenario(
            "competitor",
            "From month 14 on a competitor's discounts pull younger customers away while they still use the service.",
            competitor_from_month=13,
        ),
        Scenario("dirty", "The base world, delivered with every fault the quality checks look for.", is_dirty=True),
        Scenario("no-signal", "Churn is pure chance, independent of everything.", is_random_churn=True),
    )
}


def scenario_named(name: str) -> Scenario:
    """Return the scenario; raises ConfigError that suggests the nearest name."""
    if name not in SCENARIOS:
        near = difflib.get_close_matches(name, SCENARIOS, n=1)
        hint = f"Did you mean `{near[0]}`?" if near else f"Choose one of: {', '.join(SCENARIOS)}."
        raise ConfigError(f"no scenario is called `{name}`", where="--scenario", remedy=hint)
    return SCENARIOS[name]
