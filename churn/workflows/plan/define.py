"""Takes in a campaign's definition from the service and keeps it as its file, examined as `churn campaigns validate` does."""

from __future__ import annotations

import math
import re
import unicodedata
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from churn.campaigns.reading import Complaint, campaign_files, examine, examine_text
from churn.campaigns.writing import campaign_toml
from churn.context import Context
from churn.documents.definition import CampaignDefinition
from churn.documents.exploration import ColumnInsight
from churn.errors import CampaignError, ConfigError, ModelError, StoreBusy
from churn.files import write_text
from churn.modeling import load_card
from churn.snapshots.conditions import known_features
from churn.warehouse.models.sql_models import load_models
from churn.workflows.plan.validate import beyond_the_file
from churn.workflows.simulate.document import sentence

if TYPE_CHECKING:
    from collections.abc import Collection

    from churn.workflows.simulate.live import Answer


_NAME: Final = re.compile(r"[a-z][a-z0-9_]*\Z", re.ASCII)
_WAIT_SECONDS: Final = 5.0


@dataclass(frozen=True)
class DefinedCampaign:
    """A definition as it is kept now; `is_new` where there was none of the name, `is_changed` where it was another."""

    definition: CampaignDefinition
    is_new: bool
    is_changed: bool


def define_campaign(context: Context, name: str, sections: Mapping[str, Any]) -> DefinedCampaign:
    """Keep `sections` (those of campaigns/NAME.toml) as the campaign `name` in the home, in place of any there is.

    A shipped campaign is not touched: the home's file lies over it. Assignments made earlier stay as they are.
    Raises ConfigError naming the first thing wrong and how many more there are, StoreBusy while another process keeps
    one, ResourceError where the home cannot be written.
    """
    from filelock import FileLock, Timeout

    if not _NAME.match(name):
        raise ConfigError(
            f"`{name}` cannot be a campaign's name",
            where="name",
            remedy="Use small letters, digits and underscores, such as winback_call.",
        )
    path = Path(f"campaign {name}")  # as it is told: who sends a definition sees neither our folders nor our lines
    text = campaign_toml(sections)
    definition, complaints = examine_text(name, text, path)
    if definition is not None:
        complaints = complaints + beyond_the_file(context, definition, path, text, _known_features(context, definition))
    if complaints or definition is None:
        raise _refusal(complaints)
    folder = context.settings.home / "campaigns"
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(folder / ".lock", timeout=_WAIT_SECONDS):
            before = campaign_files(context.settings.home).get(name)
            earlier = examine(name, before)[0] if before is not None else None
            write_text(folder / f"{name}.toml", f"# Kept by the service.\n\n{text}")
    except Timeout as error:
        raise StoreBusy(
            "another process keeps a campaign at this moment", where=f"campaign {name}", remedy="Try again."
        ) from error
    context.log.note("define_campaign", campaign=name)
    return DefinedCampaign(definition, before is None, earlier is None or earlier.hash != definition.hash)


def _refusal(complaints: Sequence[Complaint]) -> ConfigError:
    first = complaints[0]
    what = "; besides: ".join(each.what for each in complaints[:4])
    return ConfigError(what, where=str(first.file), remedy=first.remedy)


def _known_features(context: Context, definition: CampaignDefinition) -> Collection[str]:
    """Return the features that a filter may name without the warehouse: of the SQL files, and of the serving model."""
    if definition.audience.filter is None:
        return frozenset()
    known = known_features(load_models(context.settings.home))
    with context.open_store() as store:
        champion = store.models.champion()
    if champion is None:
        return known
    try:
        card = load_card(context.settings.models_path / champion.bundle)
    except ModelError:
        return known  # a bundle that cannot be read is told where it serves
    return known | {feature.name for feature in card.features}


def draft_audience(
    context: Context, insight: ColumnInsight, *, name: str, title: str, channel: str, owner: str | None
) -> DefinedCampaign:
    """Keep a campaign for those whom `insight` is about; nobody is contacted by it.

    Raises CampaignError for a name that is taken, ConfigError for anything that `churn campaigns validate` refuses.
    """
    if name in campaign_files(context.settings.home):
        raise CampaignError(f"there is a campaign `{name}` already", where="name", remedy="Choose another name.")
    sections = {
        "campaign": {
            "title": title,
            "owner": owner,
            "description": f"Found by exploring the data: {insight.sentence}",
        },
        "audience": {"filter": insight.condition},
        "offer": {"channel": channel},
        # Another seed for each campaign: the same customers must not be the ones left alone every time.
        "holdout": {"share": 0.1, "seed": zlib.crc32(name.encode()) % 1_000_000},
    }
    return define_campaign(context, name, sections)


_LONGEST: Final = 60


def draft_campaign(
    context: Context, answer: Answer, *, name: str, title: str, channel: str, owner: str | None
) -> DefinedCampaign:
    """Keep the campaign that `answer` describes as campaigns/NAME.toml of the home; nobody is contacted by it.

    Everyone down to the simulated cut is its audience; a simulated budget or number of contacts becomes its limit.
    Raises CampaignError for a name that is taken, ConfigError for anything that `churn campaigns validate` refuses.
    """
    if name in campaign_files(context.settings.home):
        raise CampaignError(f"there is a campaign `{name}` already", where="name", remedy="Choose another name.")
    if answer.result.point.contacts <= 0:
        raise ConfigError("this simulation contacts nobody", where="simulation", remedy="Change its terms.")
    return define_campaign(
        context, name, campaign_sections(answer, name=name, title=title, channel=channel, owner=owner)
    )


def campaign_sections(answer: Answer, *, name: str, title: str, channel: str, owner: str | None) -> dict[str, Any]:
    """Return the sections of the campaign's file."""
    point, terms, request = answer.result.point, answer.economics, answer.request
    of = answer.origin.snapshot_date
    limits: dict[str, Any] = {"cooldown_days": 30}
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
        # Rounded down, so that whoever was at the cut in the simulation is in the audience too.
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
