"""The [campaigns] section: what holds for all campaigns together, whoever plans them."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from churn.config.sections import Days, Section, Share


class CampaignSettings(Section):
    """[campaigns]: what holds for all campaigns together."""

    global_holdout_share: Share = Field(0.0, description="Share of customers whom no campaign ever touches.")
    global_holdout_seed: int = Field(1, description="Changes who they are; leave it as it is.")
    recent_contact_days: Days = Field(14, description="Whoever was contacted in these days is left alone.")
    channel_capacity: dict[str, Annotated[int, Field(ge=0)]] = Field(
        default_factory=dict, description="Contacts that a channel can make in one plan, such as phone = 500."
    )
