"""Takes in a campaign's definition from the service and keeps it as its file, examined as `churn campaigns validate` does."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from churn.campaigns.history import campaign_versions, mark_of, note_version
from churn.campaigns.reading import Complaint, campaign_files, examine_text
from churn.campaigns.writing import TomlTable, campaign_toml
from churn.context import Context
from churn.documents.definition import CampaignDefinition
from churn.errors import CampaignError, ConfigError, ModelError, StoreBusy
from churn.files import write_text
from churn.modeling import load_card
from churn.snapshots.columns import KEYS
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


@dataclass(frozen=True)
class Saving:
    """Who saves a campaign and why; `based_on` is the mark of the text that they changed, None where they saw none."""

    who: str | None
    why: str | None = None
    based_on: str | None = None


class EditedMeanwhile(CampaignError):
    """The file is another than the one that was changed; `text` is what it holds now, None where it is gone."""

    http_status = 409

    def __init__(self, name: str, text: str | None) -> None:
        """Say so of the campaign `name`."""
        super().__init__(
            "it was changed by somebody else meanwhile; nothing was overwritten",
            where=f"campaign {name}",
            remedy="Look at what changed, and save again.",
        )
        self.text = text


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
        complaints = complaints + beyond_the_file(context, definition, path, text, _known_features(context, definition))
    return definition, complaints


def keep_campaign(context: Context, name: str, text: str, saving: Saving) -> DefinitionInForce:
    """Keep `text` as the file of the campaign `name` in the home, and as a version of it.

    A shipped campaign is not touched: the home's file lies over it. Assignments made earlier stay as they are.
    Raises ConfigError naming the first thing wrong and how many more there are, EditedMeanwhile where the file is not what
    `saving` is based on, StoreBusy while another process keeps one, ResourceError where the home cannot be written.
    """
    from filelock import FileLock, Timeout

    if not _NAME.match(name):
        raise ConfigError(
            f"`{name}` cannot be a campaign's name",
            where="name",
            remedy="Use small letters, digits and underscores, such as winback_call.",
        )
    definition, complaints = examine_campaign(context, name, text)
    if complaints or definition is None:
        raise _refusal(complaints)
    home, now = context.settings.home, context.clock()
    folder = home / "campaigns"
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(folder / ".lock", timeout=_WAIT_SECONDS):
            file = campaign_files(home).get(name)
            before = None if file is None else text_of(file)
            if saving.based_on is not None and saving.based_on != mark_of(before):
                raise EditedMeanwhile(name, before)
            versions = campaign_versions(home, name)
            if before is not None and (not versions or versions[-1].text != before):
                note_version(home, name, before, at=now, who=None)  # somebody changed the file itself
            if before != text:
                write_text(folder / f"{name}.toml", text)
                note_version(home, name, text, at=now, who=saving.who, why=saving.why)
    except Timeout as error:
        raise StoreBusy(
            "another process keeps a campaign at this moment", where=f"campaign {name}", remedy="Try again."
        ) from error
    context.log.note("define_campaign", campaign=name)
    earlier = None if before is None else examine_text(name, before, folder / f"{name}.toml")[0]
    return DefinitionInForce(definition, before is None, earlier is None or earlier.hash != definition.hash)


def text_of(file: Path) -> str:
    """Return the text of a campaign's file. Raises ConfigError where it cannot be read."""
    try:
        return file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot be read: {error}", where=str(file), remedy="Save it as UTF-8.") from error


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


def documented_features(context: Context) -> list[tuple[str, str]]:
    """Return every feature that a condition may name, with what it means, by name."""
    return sorted(
        (column.name, column.description)
        for model in load_models(context.settings.home).values()
        if model.schema == "features"
        for column in model.columns
        if column.name not in KEYS
    )
