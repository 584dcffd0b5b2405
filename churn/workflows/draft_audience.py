"""Makes a campaign's definition of an insight: its condition becomes the audience, the rest stays as campaigns begin."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from typing import Any

from churn.campaigns.reading import campaign_files
from churn.context import Context
from churn.errors import CampaignError
from churn.workflows.define_campaign import DefinedCampaign, define_campaign


def draft_audience(
    context: Context, insight: Mapping[str, Any], *, name: str, title: str, channel: str, owner: str | None
) -> DefinedCampaign:
    """Keep a campaign for those whom `insight` (see explore_data.insights_alone) is about; nobody is contacted by it.

    Raises CampaignError for a name that is taken, ConfigError for anything that `churn campaigns validate` refuses.
    """
    if name in campaign_files(context.settings.home):
        raise CampaignError(f"there is a campaign `{name}` already", where="name", remedy="Choose another name.")
    sections = {
        "campaign": {
            "title": title,
            "owner": owner,
            "description": f"Found by exploring the data: {insight['sentence']}",
        },
        "audience": {"filter": insight["condition"]},
        "offer": {"channel": channel},
        # Another seed for each campaign: the same customers must not be the ones left alone every time.
        "holdout": {"share": 0.1, "seed": zlib.crc32(name.encode()) % 1_000_000},
    }
    return define_campaign(context, name, sections)
