"""What groups of features are called on pages, and in which order they stand there."""

from __future__ import annotations

from typing import Final

from churn.languages.words import N_, tr

# The groups that ship; a user's own group is called by its name.
LABELS: Final = {
    "usage": N_("How much it is used"),
    "usage_trend": N_("Whether use rises or falls"),
    "segments": N_("Kind of user"),
    "payments": N_("Failed payments"),
    "purchases": N_("What was paid, and when"),
    "support": N_("Support tickets"),
    "plan": N_("Plan and fee"),
    "tenure": N_("How long a customer"),
    "profile": N_("Who the customer is"),
    "contacts": N_("Earlier contacts"),
    "calendar": N_("When it is used"),
    "attributes": N_("Further attributes"),
    "events": N_("Other events"),
}


def group_label(group: str) -> str:
    """Return what a group of features is called."""
    words = group.replace("_", " ").replace(".", ": ").strip() or "other"
    return tr(LABELS.get(group, words[:1].upper() + words[1:]))
