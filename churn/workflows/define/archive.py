"""Archives a campaign or programme, and brings it back: a key of its file, kept as a version with who, when and why."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from pathlib import Path
from typing import Final

from churn.campaigns.archive import archived_programmes
from churn.campaigns.history import KeptFolder
from churn.campaigns.programmes import examine_programme, load_programme, programme_files
from churn.campaigns.reading import campaign_files, load_campaign
from churn.campaigns.writing import revised_toml
from churn.context import Context
from churn.documents.definition import CampaignDefinition
from churn.documents.programme import ProgrammeDefinition
from churn.errors import CampaignError
from churn.workflows.define.keeping import Saving, keep_file, text_of

_READ: Final[Mapping[KeptFolder, Callable[[Path, str], CampaignDefinition | ProgrammeDefinition]]] = {
    "campaigns": load_campaign,
    "programmes": load_programme,
}


def archive(
    context: Context, folder: KeptFolder, name: str, *, who: str, why: str | None = None, request: str | None = None
) -> date:
    """Archive a campaign or programme and return the day since when: it is hidden, planned no more and pushed no more.

    Who is assigned stays so, and is measured; the next night takes them off the CRM. Raises CampaignError for one that there is
    not, and for a campaign whose offer competes in a programme; ConfigError for a file that cannot be read.
    """
    known = _READ[folder](context.settings.home, name)
    if known.archived is not None:
        return known.archived
    if folder == "campaigns" and (programmes := _competing_in(context.settings.home, name)):
        raise CampaignError(
            f"the offer of `{name}` competes in {', '.join(f'`{programme}`' for programme in programmes)}",
            where=f"campaigns/{name}.toml",
            remedy="Let it take part there no more, or archive the programme first.",
        )
    today = context.today
    _write(context, folder, name, today, Saving(who, why or "Archived"), request)
    return today


def restore(
    context: Context, folder: KeptFolder, name: str, *, who: str, why: str | None = None, request: str | None = None
) -> bool:
    """Bring an archived campaign or programme back, as it was; return False for one that is not archived. Raises as `archive`."""
    if _READ[folder](context.settings.home, name).archived is None:
        return False
    _write(context, folder, name, None, Saving(who, why or "Brought back"), request)
    return True


def _write(
    context: Context, folder: KeptFolder, name: str, day: date | None, saving: Saving, request: str | None
) -> None:
    kind = folder.removesuffix("s")
    files = campaign_files if folder == "campaigns" else programme_files
    text = text_of(files(context.settings.home)[name])
    keep_file(context, folder, name, revised_toml(text, {(kind, "archived"): day}), saving)
    action = f"archive_{kind}" if day else f"restore_{kind}"
    with context.open_store() as store:
        store.requests.audit(saving.who or "", action, name, context.clock(), request)


def _competing_in(home: Path, campaign: str) -> list[str]:
    """Return the programmes in use in which the offer of a campaign takes part."""
    archived, campaigns = archived_programmes(home), campaign_files(home)
    definitions = {
        name: examine_programme(name, path, campaigns)[0]
        for name, path in programme_files(home).items()
        if name not in archived
    }
    return [name for name, known in definitions.items() if known is not None and campaign in known.competing]
