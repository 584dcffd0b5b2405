"""What groups of features are called on pages, and in which order they stand there."""

from __future__ import annotations

from typing import Final

# The groups that ship; a user's own group is called by its name.
LABELS: Final = {
    "usage": "How much it is used",
    "usage_trend": "Whether use rises or falls",
    "segments": "Kind of user",
    "payments": "Failed payments",
    "purchases": "What was paid, and when",
    "support": "Support tickets",
    "plan": "Plan and fee",
    "tenure": "How long a customer",
    "profile": "Who the customer is",
    "contacts": "Earlier contacts",
    "calendar": "When it is used",
    "attributes": "Further attributes",
    "events": "Other events",
}


def group_label(group: str) -> str:
    """Return what a group of features is called."""
    words = group.replace("_", " ").replace(".", ": ").strip() or "other"
    return LABELS.get(group, words[:1].upper() + words[1:])
