"""Returns the definition that a campaign is pushed and shown by: its file's, or for a programme's round the one it was planned with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from churn.campaigns.reading import campaign_files, load_campaign
from churn.campaigns.rounds import offer_of_campaign
from churn.context import Context
from churn.documents.definition import CampaignDefinition

if TYPE_CHECKING:
    from churn.store import PlanRecord, Store


def definition_in_force(context: Context, store: Store, name: str) -> CampaignDefinition:
    """Return the definition of a campaign or of a round's. Raises CampaignError where there is neither, ConfigError for a wrong file."""
    home = context.settings.home
    if name not in campaign_files(home) and (planned := planned_in_round(store.plans.latest(name))) is not None:
        return planned
    return load_campaign(home, name)


def planned_in_round(plan: PlanRecord | None) -> CampaignDefinition | None:
    """Return the definition of a plan that a programme's round made; None for any other."""
    return plan.definition if plan is not None and plan.inputs.programme is not None else None


def campaign_or_offer(campaigns: Mapping[str, CampaignDefinition], name: str | None) -> CampaignDefinition | None:
    """Return the definition of a campaign by its name, or of the offer whose round it is."""
    if name is None:
        return None
    return campaigns.get(name) or campaigns.get(offer_of_campaign(name))
