"""Drafts a campaign of what was simulated or found, and keeps it as its file; nobody is contacted by it."""

from __future__ import annotations

import math
import re
import unicodedata
import zlib
from typing import TYPE_CHECKING, Final

from churn.campaigns.reading import campaign_files
from churn.campaigns.writing import TomlTable, TomlValue
from churn.context import Context
from churn.documents.exploration import ColumnInsight
from churn.errors import CampaignError, ConfigError
from churn.workflows.define.define import DefinitionInForce, define_campaign
from churn.workflows.define.keeping import Saving
from churn.workflows.simulate.document import sentence

if TYPE_CHECKING:
    from churn.workflows.simulate.answer import Answer


def draft_audience(
    context: Context, insight: ColumnInsight, *, name: str, title: str, channel: str, owner: str | None, by: str
) -> DefinitionInForce:
    """Keep a campaign for those whom `insight` is about, saved `by` somebody; nobody is contacted by it.

    Raises CampaignError for a name that is taken, ConfigError for anything that `churn campaigns validate` refuses.
    """
    if name in campaign_files(context.settings.home):
        raise CampaignError(f"there is a campaign `{name}` already", where="name", remedy="Choose another name.")
    sections: dict[str, TomlTable] = {
        "campaign": {
            "title": title,
            "owner": owner,
            "description": f"Found by exploring the data: {insight.sentence}",
        },
        "audience": {"filter": insight.condition},
        "offer": {"channel": channel},
        # Another seed for each campaign, so that the holdout is not always the same customers.
        "holdout": {"share": 0.1, "seed": zlib.crc32(name.encode()) % 1_000_000},
    }
    return define_campaign(context, name, sections, Saving(by, "Made from an insight"))


_LONGEST: Final = 60


def draft_campaign(
    context: Context, answer: Answer, *, name: str, title: str, channel: str, owner: str | None, by: str
) -> DefinitionInForce:
    """Keep the campaign that `answer` describes as campaigns/NAME.toml of the home, saved `by` somebody; nobody is contacted by it.

    Everyone down to the simulated cut is its audience; a simulated budget or number of contacts becomes its limit.
    Raises CampaignError for a name that is taken, ConfigError for anything that `churn campaigns validate` refuses.
    """
    if name in campaign_files(context.settings.home):
        raise CampaignError(f"there is a campaign `{name}` already", where="name", remedy="Choose another name.")
    if answer.result.point.contacts <= 0:
        raise ConfigError("this simulation contacts nobody", where="simulation", remedy="Change its terms.")
    sections = campaign_sections(answer, name=name, title=title, channel=channel, owner=owner)
    return define_campaign(context, name, sections, Saving(by, "Made from a simulation"))


def campaign_sections(
    answer: Answer, *, name: str, title: str, channel: str, owner: str | None
) -> dict[str, TomlTable]:
    """Return the sections of the campaign's file."""
    point, terms, request = answer.result.point, answer.economics, answer.request
    of = answer.origin.snapshot_date
    limits: dict[str, TomlValue] = {"cooldown_days": 30}
    if request.budget is not None:
        limits["budget"] = _money(request.budget)
    if request.contacts is not None:
        limits["contacts"] = round(point.contacts)
    return {
        "campaign": {
            "title": title,
            "owner": owner,
            "description": f"Simulated{f' on the customers of {of}' if of else ''}: {sentence(answer.result, answer.origin.currency)}",
        },
        # Rounded down, so that customers exactly at the simulated cut are in the audience.
        "audience": {"min_probability": math.floor(point.threshold * 1e6) / 1e6},
        "offer": {
            "channel": channel,
            "contact_cost": _money(terms.contact_cost),
            "incentive_cost": _money(terms.incentive_cost),
            "success_rate_low": round(terms.success_rate_low, 6),
            "success_rate_expected": round(terms.success_rate, 6),
            "success_rate_high": round(terms.success_rate_high, 6),
            "profit_model": terms.profit_model,
        },
        "limits": limits,
        # Another seed for each campaign: the same customers must not be the ones left alone every time.
        "holdout": {"share": 0.1, "seed": zlib.crc32(name.encode()) % 1_000_000},
    }


def name_from(title: str) -> str:
    """Return a campaign's name made of its title: `Spring call!` is `spring_call`; empty where nothing is left of it."""
    plain = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode().lower()
    name = re.sub(r"[^a-z0-9]+", "_", plain).strip("_")[:_LONGEST].rstrip("_")
    return name if re.match(r"[a-z]", name) else f"campaign_{name}" if name else ""


def _money(amount: float) -> float:
    return round(amount, 4)
