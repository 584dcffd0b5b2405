"""Keeps programmes' definitions, and finds everything wrong with them, also in how they and their campaigns fit together."""

from __future__ import annotations

from pathlib import Path

from churn.campaigns.customer_list import load_customer_list
from churn.campaigns.programmes import competing, examine_programme, examine_programme_text, programme_files
from churn.campaigns.reading import Complaint, campaign_files, examine, line_of
from churn.context import Context
from churn.documents.programme import ProgrammeDefinition
from churn.errors import ConfigError
from churn.snapshots.customer_terms import ROW_COLUMNS
from churn.warehouse.models.filters import audience_filter
from churn.workflows.define.define import features_for
from churn.workflows.define.keeping import Saving, keep_file, refusal, text_of


def validate_programmes(context: Context) -> list[Complaint]:
    """Return what is wrong with every programme of the home: file, line, what, and what to do."""
    home = context.settings.home
    campaigns = campaign_files(home)
    complaints: list[Complaint] = []
    for name, path in programme_files(home).items():
        definition, wrong = examine_programme(name, path, campaigns)
        complaints += wrong
        if definition is not None and not wrong:
            complaints += _misfits(context, definition, path, text_of(path))
    return complaints


def examine_programme_here(
    context: Context, name: str, text: str
) -> tuple[ProgrammeDefinition | None, list[Complaint]]:
    """Return the programme that `text` makes, None where it is not one, and everything that is wrong with it in this home."""
    home = context.settings.home
    path = Path(f"programme {name}")  # shown in errors: callers know no folders
    definition, complaints = examine_programme_text(name, text, path, campaign_files(home))
    if definition is not None and not complaints:
        complaints = _misfits(context, definition, path, text)
    return definition, complaints


def keep_programme(context: Context, name: str, text: str, saving: Saving) -> ProgrammeDefinition:
    """Keep `text` as the file of the programme `name` in the home, and as a version of it; rounds made earlier stay as they are.

    Raises ConfigError naming the first thing wrong and how many more there are, else as `keep_file`.
    """
    definition, complaints = examine_programme_here(context, name, text)
    if complaints or definition is None:
        raise refusal(complaints)
    keep_file(context, "programmes", name, text, saving)
    return definition


def _misfits(context: Context, definition: ProgrammeDefinition, path: Path, text: str) -> list[Complaint]:
    """Return what is wrong with its audience in this home, and with how it and its campaigns fit together."""
    home, audience = context.settings.home, definition.audience
    complaints: list[Complaint] = []

    def complain(error: ConfigError, *place: str) -> None:
        line = line_of(text, place) if place[0] == "audience" else 0
        complaints.append(Complaint(definition.name, path, line, error.what, error.remedy or "", place))

    try:
        if audience.customer_list is not None:
            load_customer_list(home, audience.customer_list)
    except ConfigError as error:
        complain(error, "audience", "customer_list")
    try:
        if audience.filter is not None:
            known = set(features_for(context, audience)) - ROW_COLUMNS
            audience_filter(audience.filter, known, where=str(path))
    except ConfigError as error:
        complain(error, "audience", "filter")
    campaigns = campaign_files(home)
    for offer in definition.competing:
        campaign = examine(offer, campaigns[offer])[0]
        if campaign is None:
            continue  # what is wrong with its file is said of the campaign
        try:
            competing(definition, campaign)
        except ConfigError as error:
            complain(error, "offers", offer, "is_on")
    return complaints
