"""Keeps campaigns' definitions, drafts them, and finds what is wrong with them."""

from churn.workflows.define.define import DefinitionInForce, define_campaign
from churn.workflows.define.draft import draft_audience, draft_campaign, name_from
from churn.workflows.define.programmes import validate_programmes
from churn.workflows.define.validate import CampaignReview, validate_campaigns

__all__ = [
    "CampaignReview",
    "DefinitionInForce",
    "define_campaign",
    "draft_audience",
    "draft_campaign",
    "name_from",
    "validate_campaigns",
    "validate_programmes",
]
