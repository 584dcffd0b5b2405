"""Keeps campaigns' definitions, drafts them, and finds what is wrong with them."""

from churn.workflows.define.audience_preview import AudiencePreview, AudiencePreviews
from churn.workflows.define.customer_list import (
    ListStanding,
    give_customer_list,
    read_list_file,
    receive_customer_list,
    standing_list,
)
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
    "ListStanding",
    "Saving",
    "define_campaign",
    "documented_features",
    "draft_audience",
    "draft_campaign",
    "examine_campaign",
    "give_customer_list",
    "keep_campaign",
    "name_from",
    "read_list_file",
    "receive_customer_list",
    "standing_list",
    "text_of",
    "validate_campaigns",
    "validate_programmes",
]
