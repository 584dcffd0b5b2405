"""The guard rails of a push: what must not happen without a person having looked at it first."""

from __future__ import annotations

from dataclasses import dataclass

from churn.config.connectors import ConnectorSection
from churn.errors import CampaignError

_FEW = 50  # records whose change stops nothing, however small the list


@dataclass(frozen=True)
class Shape:
    """What a push is about to do: sizes of the list now and last time, and how many known records it touches."""

    list_size: int
    last_size: int | None
    known: int
    touched: int


def check_guards(shape: Shape, settings: ConnectorSection, *, where: str) -> None:
    """Raise CampaignError when the list shrank too much, or too many of the records written before would change."""
    if shape.last_size and shape.list_size < settings.min_list_share * shape.last_size:
        raise CampaignError(
            f"the list has {shape.list_size:,} customers, and had {shape.last_size:,} at the last push",
            where=where,
            remedy="Look at the plan and at the data; --force pushes it all the same.",
        )
    if shape.touched > _FEW and shape.touched > settings.max_changed_share * max(shape.known, 1):
        raise CampaignError(
            f"{shape.touched:,} of the {shape.known:,} records written before would change, "
            f"more than {settings.max_changed_share:.0%}",
            where=where,
            remedy="Look with --dry-run; --force pushes it all the same.",
        )
