"""Takes in a campaign's definition from the service and keeps it as its file, examined as `churn campaigns validate` does."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from churn.campaigns.reading import Complaint, campaign_files, examine, examine_text
from churn.campaigns.writing import TomlTable, campaign_toml
from churn.context import Context
from churn.documents.definition import CampaignDefinition
from churn.errors import ConfigError, ModelError, StoreBusy
from churn.files import write_text
from churn.modeling import load_card
from churn.snapshots.conditions import known_features
from churn.warehouse.models.sql_models import load_models
from churn.workflows.define.validate import beyond_the_file

_NAME: Final = re.compile(r"[a-z][a-z0-9_]*\Z", re.ASCII)
_WAIT_SECONDS: Final = 5.0


@dataclass(frozen=True)
class DefinitionInForce:
    """A definition as it is kept now; `is_new` where there was none of the name, `is_changed` where it was another."""

    definition: CampaignDefinition
    is_new: bool
    is_changed: bool


def define_campaign(context: Context, name: str, sections: Mapping[str, TomlTable | None]) -> DefinitionInForce:
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
    path = Path(f"campaign {name}")  # shown in errors: callers know no folders or lines
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
    return DefinitionInForce(definition, before is None, earlier is None or earlier.hash != definition.hash)


def _refusal(complaints: Sequence[Complaint]) -> ConfigError:
    first = complaints[0]
    what = "; besides: ".join(complaint.what for complaint in complaints[:4])
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
        return known  # the model page says what is wrong with the bundle
    return known | {feature.name for feature in card.features}
