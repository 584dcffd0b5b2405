"""Reads what measured campaigns have taught of an offer: the newest mature measurement of each of its rounds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from churn.campaigns.learning import evidence_in
from churn.campaigns.rounds import offer_of_campaign

if TYPE_CHECKING:
    from collections.abc import Collection

    from churn.decisions.effect import Evidence
    from churn.store import Store


def taught_of_offers(
    store: Store, campaigns: Collection[str], *, without: str | None = None
) -> dict[str, list[Evidence]]:
    """Return by campaign the evidence of all measured rounds of its offer, in the order of their names; but for `without`."""
    offers = {offer_of_campaign(campaign) for campaign in campaigns}
    rounds = sorted(
        name for name in store.assignments.counts() if offer_of_campaign(name) in offers and name != without
    )
    by_round = {name: store.measurements.latest(name, is_mature=True) for name in rounds}
    evidence = {
        name: evidence_in(measured.result.learnt)
        for name, measured in by_round.items()
        if measured is not None and measured.result.learnt is not None
    }
    return {
        campaign: [evidence[name] for name in evidence if offer_of_campaign(name) == offer_of_campaign(campaign)]
        for campaign in campaigns
    }
