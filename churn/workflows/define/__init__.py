"""Keeps campaigns' definitions, drafts them, and finds what is wrong with them."""

from churn.workflows.define.audience_preview import AudiencePreview, AudiencePreviews
from churn.workflows.define.define import (
    DefinitionInForce,
    EditedMeanwhile,
    Saving,
    define_campaign,
    documented_features,
    examine_campaign,
    keep_campaign,
    text_of,
)
from churn.workflows.define.draft import draft_audience, draft_campaign, name_from
from churn.workflows.define.programmes import validate_programmes
from churn.workflows.define.validate import CampaignReview, validate_campaigns

__all__ = [
    "AudiencePreview",
    "AudiencePreviews",
    "CampaignReview",
    "DefinitionInForce",
    "EditedMeanwhile",
    "Saving",
    "define_campaign",
    "documented_features",
    "draft_audience",
    "draft_campaign",
    "examine_campaign",
    "keep_campaign",
    "name_from",
    "text_of",
    "validate_campaigns",
    "validate_programmes",
]
