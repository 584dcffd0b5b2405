"""Says who may be contacted: rules in order, each counting those whom it is the first to leave out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from churn.decisions.checks import Bools
from churn.documents.plan import RuleCount

# In order: a customer is counted at the first rule that leaves them out, so the counts add up.
RULES: Final[dict[str, str]] = {
    "assigned_before": "in this campaign already, and stay as assigned",
    "not_in_audience": "not in the audience",
    "not_active": "no longer active",
    "no_consent": "have not agreed to marketing",
    "objected": "objected to marketing",
    "global_holdout": "in the global holdout",
    "contacted_recently": "contacted recently",
    "open_ticket": "wait for an answer from support",
    "in_another_campaign": "in another campaign whose window runs",
    "harmful": "contact was found to harm such customers",
    "unknown_terms": "a cost, a value or a success rate is not known",
    "impossible_terms": "a cost or a value is below 0, or a success rate is no share",
    "low_profit": "expected to earn too little",
    "on_trial": "not drawn for the trial of an offer that may not earn its cost",
}
LOW_PROFIT: Final = "low_profit"  # the rules before it forbid a contact whatever it earns
_ONLY_WHERE_USED: Final = frozenset(
    {"unknown_terms", "impossible_terms", "on_trial"}
)  # not shown where they removed nobody


@dataclass(frozen=True)
class Eligibility:
    """Who may be chosen (n,), and by rule how many it was the first to leave out.

    `is_possible` are those whom only their expected profit leaves out, and those who may be chosen.
    """

    is_eligible: Bools
    is_possible: Bools
    removed: Mapping[str, int]

    @property
    def eligible(self) -> int:
        """How many may be chosen."""
        return int(np.count_nonzero(self.is_eligible))

    def rows(self, campaign: str) -> list[RuleCount]:
        """Return a row per rule: how many it removed and how many remain after it."""
        left = self.is_eligible.size
        rows = []
        for rule, label in RULES.items():
            if rule in _ONLY_WHERE_USED and not self.removed[rule]:
                continue
            left -= self.removed[rule]
            rows.append(
                RuleCount(campaign=campaign, rule=rule, label=label, removed=self.removed[rule], remaining=left)
            )
        return rows

    def on_trial(self, drawn: Bools) -> Eligibility:
        """Return the eligibility of those `drawn` (n,) for a trial alone; the others are possible still."""
        kept = self.is_eligible & drawn
        removed = {**self.removed, "on_trial": self.eligible - int(np.count_nonzero(kept))}
        return Eligibility(kept, self.is_possible, removed)

    def without_anybody(self, rule: str) -> Eligibility:
        """Return the eligibility of nobody: `rule` leaves out all who were left."""
        nobody = np.zeros(self.is_eligible.size, dtype=np.bool_)
        place = list(RULES).index(rule)
        removed = {name: 0 if number >= place else self.removed[name] for number, name in enumerate(RULES)}
        return Eligibility(nobody, nobody, {**removed, rule: self.is_eligible.size - sum(removed.values())})


def eligibility(left_out: Mapping[str, Bools], size: int) -> Eligibility:
    """Apply the rules in order; `left_out` (n,) by rule says whom it would leave out, a rule not given nobody."""
    remaining = possible = np.ones(size, dtype=np.bool_)
    removed = {}
    for rule in RULES:
        if rule == LOW_PROFIT:
            possible = remaining.copy()
        hits = remaining & left_out[rule] if rule in left_out else np.zeros(size, dtype=np.bool_)
        removed[rule] = int(np.count_nonzero(hits))
        remaining &= ~hits
    return Eligibility(remaining, possible, removed)
