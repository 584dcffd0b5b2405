"""Keeps campaigns' definitions, drafts them, and finds what is wrong with them."""

from churn.workflows.define.archive import archive, restore
from churn.workflows.define.audience_preview import AudiencePreview, AudiencePreviews, ProgrammePreview
from churn.workflows.define.customer_list import (
    ListStanding,
    give_customer_list,
    read_list_file,
    receive_customer_list,
    standing_list,
)
from churn.workflows.define.define import (
    DefinitionInForce,
    define_campaign,
    documented_features,
    examine_campaign,
    keep_campaign,
)
from churn.workflows.define.draft import draft_audience, draft_campaign, name_from
from churn.workflows.define.keeping import EditedMeanwhile, Saving, text_of
from churn.workflows.define.programmes import examine_programme_here, keep_programme, validate_programmes
from churn.workflows.define.validate import CampaignReview, validate_campaigns

__all__ = [
    "AudiencePreview",
    "AudiencePreviews",
    "CampaignReview",
    "DefinitionInForce",
    "EditedMeanwhile",
    "ListStanding",
    "ProgrammePreview",
    "Saving",
    "archive",
    "define_campaign",
    "documented_features",
    "draft_audience",
    "draft_campaign",
    "examine_campaign",
    "examine_programme_here",
    "give_customer_list",
    "keep_campaign",
    "keep_programme",
    "name_from",
    "read_list_file",
    "receive_customer_list",
    "restore",
    "standing_list",
    "text_of",
    "validate_campaigns",
    "validate_programmes",
]
