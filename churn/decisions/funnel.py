"""From everybody whom it would pay to contact down to those who are: each step, how many it leaves and why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

from churn.decisions.checks import Bools, Floats
from churn.decisions.choices import StepName
from churn.decisions.threshold import CurvePoint

# The steps of contact, in order, each with its rules; a customer is counted at the first rule that leaves them out.
STEPS: Final[dict[StepName, tuple[str, ...]]] = {
    "allowed": (
        "assigned_before",
        "not_in_audience",
        "not_active",
        "no_consent",
        "objected",
        "harmful",
        "unknown_terms",
        "impossible_terms",
    ),
    "rested": ("contacted_recently", "open_ticket", "in_another_campaign"),
    "not_held_out": ("global_holdout",),
}
_RULES: Final = tuple(rule for rules in STEPS.values() for rule in rules)
_STAYS: Final = len(_RULES)


@dataclass(frozen=True)
class FunnelStep:
    """How many customers remain after a step, what contacting them is expected to earn, and whom its rules removed."""

    name: StepName
    customers: float
    profit: float
    removed: Mapping[str, int]


@dataclass(frozen=True)
class Admission:
    """Who of some customers may be contacted: `first_rule` (n,) is the first rule that leaves each out."""

    first_rule: NDArray[np.int8]

    @classmethod
    def of(cls, left_out: Mapping[str, Bools], size: int) -> Admission:
        """Return the admission by `left_out`, whom each rule leaves out (n,); a rule not given leaves out nobody."""
        first = np.full(size, _STAYS, dtype=np.int8)
        for place in reversed(range(_STAYS)):
            if _RULES[place] in left_out:
                first[left_out[_RULES[place]]] = place
        return cls(first)

    @cached_property
    def is_admitted(self) -> Bools:
        """Who may be contacted (n,)."""
        return np.asarray(self.first_rule == _STAYS, dtype=np.bool_)

    def funnel(
        self, profit: Floats, chosen: CurvePoint, *, least: float = 0.0, held_out: int = 0
    ) -> tuple[FunnelStep, ...]:
        """Return the steps from all customers to those of `chosen`; `profit` (n,) is what contacting each would earn.

        Recommended is whom it pays to contact, from `least` on. Those chosen are the last step: fewer where a budget or a
        number binds, and where some are held out to measure the effect.
        """
        pays = (profit > 0.0) & (profit >= least)
        counts = np.bincount(self.first_rule[pays], minlength=_STAYS + 1)
        sums = np.bincount(self.first_rule[pays], weights=profit[pays], minlength=_STAYS + 1)
        left, worth = int(counts.sum()), float(sums.sum())
        steps = [
            FunnelStep("scored", profit.size, float(profit.sum()), {}),
            FunnelStep("recommended", left, worth, {"low_profit": profit.size - left}),
        ]
        place = 0
        for name, rules in STEPS.items():
            removed = {rule: int(counts[place + n]) for n, rule in enumerate(rules)}
            left -= sum(removed.values())
            worth -= float(sums[place : place + len(rules)].sum())
            place += len(rules)
            steps.append(FunnelStep(name, left, worth, {rule: number for rule, number in removed.items() if number}))
        apart = {"held_out": held_out, "beyond_the_cut": max(left - round(chosen.contacts) - held_out, 0)}
        removed = {rule: number for rule, number in apart.items() if number}
        steps.append(FunnelStep("chosen", chosen.contacts, chosen.net_profit, removed))
        return tuple(steps)
