"""Takes in a campaign's definition from the service and keeps it as its file, examined as `churn campaigns validate` does."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from churn.campaigns.reading import Complaint, examine_text
from churn.campaigns.writing import TomlTable, campaign_toml
from churn.context import Context
from churn.documents.definition import Audience, CampaignDefinition
from churn.errors import ModelError
from churn.modeling import load_card
from churn.snapshots.columns import KEYS
from churn.snapshots.conditions import known_features
from churn.warehouse.models.sql_models import load_models
from churn.workflows.define.keeping import Saving, keep_file, refusal
from churn.workflows.define.validate import beyond_the_file


@dataclass(frozen=True)
class DefinitionInForce:
    """A definition as it is kept now; `is_new` where there was none of the name, `is_changed` where it was another."""

    definition: CampaignDefinition
    is_new: bool
    is_changed: bool


def define_campaign(
    context: Context, name: str, sections: Mapping[str, TomlTable | None], saving: Saving
) -> DefinitionInForce:
    """Keep `sections` (those of campaigns/NAME.toml) as the campaign `name` in the home, in place of any there is.

    Raises as `keep_campaign`.
    """
    return keep_campaign(context, name, f"# Kept by the service.\n\n{campaign_toml(sections)}", saving)


def examine_campaign(context: Context, name: str, text: str) -> tuple[CampaignDefinition | None, list[Complaint]]:
    """Return the campaign that `text` makes, None where it is not one, and everything that is wrong with it here."""
    path = Path(f"campaign {name}")  # shown in errors: callers know no folders
    definition, complaints = examine_text(name, text, path)
    if definition is not None:
        complaints = complaints + beyond_the_file(
            context, definition, path, text, features_for(context, definition.audience)
        )
    return definition, complaints


def keep_campaign(context: Context, name: str, text: str, saving: Saving) -> DefinitionInForce:
    """Keep `text` as the file of the campaign `name` in the home, and as a version of it.

    A shipped campaign is not touched: the home's file lies over it. Assignments made earlier stay as they are.
    Raises ConfigError naming the first thing wrong and how many more there are, EditedMeanwhile where the file is not what
    `saving` is based on, StoreBusy while another process keeps one, ResourceError where the home cannot be written.
    """
    definition, complaints = examine_campaign(context, name, text)
    if complaints or definition is None:
        raise refusal(complaints)
    before = keep_file(context, "campaigns", name, text, saving)
    earlier = None if before is None else examine_text(name, before, Path(f"campaign {name}"))[0]
    return DefinitionInForce(definition, before is None, earlier is None or earlier.hash != definition.hash)


def features_for(context: Context, audience: Audience) -> Collection[str]:
    """Return the features that its filter may name without the warehouse: of the SQL files, and of the serving model."""
    if audience.filter is None:
        return frozenset()
    known = known_features(load_models(context.settings.home))
    with context.open_store() as store:
        champion = store.models.champion()
    if champion is None:
        return known
    try:
        card = load_card(context.settings.models_path / champion.bundle)
    except ModelError:
        return known  # the model page says what is wrong with the bundle
    return known | {feature.name for feature in card.features}


def documented_features(context: Context) -> list[tuple[str, str]]:
    """Return every feature that a condition may name, with what it means, by name."""
    return sorted(
        (column.name, column.description)
        for model in load_models(context.settings.home).values()
        if model.schema == "features"
        for column in model.columns
        if column.name not in KEYS
    )
