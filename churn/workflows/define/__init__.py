"""Keeps campaigns' definitions, drafts them, and finds what is wrong with them."""

from churn.workflows.define.define import DefinedCampaign, define_campaign
from churn.workflows.define.draft import draft_audience, draft_campaign, name_from
from churn.workflows.define.validate import CampaignReview, validate_campaigns

__all__ = [
    "CampaignReview",
    "DefinedCampaign",
    "define_campaign",
    "draft_audience",
    "draft_campaign",
    "name_from",
    "validate_campaigns",
]
