"""Finds everything wrong with campaign files, also features and connectors that do not exist."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from churn.campaigns.customer_list import load_customer_list
from churn.campaigns.plan_words import single_rate_note
from churn.campaigns.reading import Complaint, campaign_files, examine, line_of, load_campaign, nearest
from churn.context import Context
from churn.documents.definition import CampaignDefinition
from churn.errors import ConfigError, WarehouseBusy
from churn.resources import bundled
from churn.snapshots.customer_terms import ROW_COLUMNS, check_formulas, known_columns, require_numbers
from churn.snapshots.sources_needed import undeclared
from churn.warehouse.models.filters import audience_filter, term_value
from churn.warehouse.models.sql_models import load_models
from churn.workflows.plan.terms import KEYS, places_of


@dataclass(frozen=True)
class CampaignReview:
    """The campaigns looked at, by name, with their files, everything that is wrong, and what to think of all the same."""

    files: dict[str, Path]
    complaints: list[Complaint]
    warnings: list[str]


def validate_campaigns(context: Context, names: Sequence[str] = ()) -> CampaignReview:
    """Read the campaigns named, or all, and return everything wrong: file, line, what, and what to do.

    Besides the file itself: features that no SQL file makes, sources they need and connectors that churn.toml does not declare,
    and, where features were built, SQL terms that give no numbers. Of an example that ships and nobody named, a source
    that is not declared is a warning: nobody wrote it for this home.
    Raises CampaignError for a campaign that there is not.
    """
    home = context.settings.home
    files = campaign_files(home)
    for name in names:
        if name not in files:
            load_campaign(home, name)  # suggests the nearest one
    chosen = {name: path for name, path in sorted(files.items()) if not names or name in names}
    complaints: list[Complaint] = []
    read: list[CampaignDefinition] = []
    unfit: list[str] = []
    for name, path in chosen.items():
        definition, wrong = examine(name, path)
        complaints += wrong
        if definition is not None:
            read.append(definition)
    known = _known_features(context, read) if any(map(_reads_features, read)) else frozenset()
    for definition in read:
        path = chosen[definition.name]
        beyond = beyond_the_file(context, definition, path, path.read_text(encoding="utf-8-sig"), known)
        if definition.name not in names and path.is_relative_to(bundled("campaigns")):
            unfit += [f"`{definition.name}`, an example that ships: {c.what}." for c in beyond if c.lacks_source]
            beyond = [complaint for complaint in beyond if not complaint.lacks_source]
        complaints += beyond
    complaints += _no_numbers(
        context, [d for d in read if d.offer.formulas and d.name not in {c.campaign for c in complaints}], chosen
    )
    warnings = [single_rate_note(definition) for definition in read if definition.offer.success is None]
    return CampaignReview(chosen, sorted(complaints, key=lambda item: (item.campaign, item.line)), [*unfit, *warnings])


def beyond_the_file(
    context: Context, definition: CampaignDefinition, path: Path, text: str, known: Collection[str]
) -> list[Complaint]:
    """Return complaints about features, their sources, a list and a connector that a definition, read from `text`, names in vain."""
    complaints = []
    read: list[tuple[tuple[str, str], Collection[str]]] = []  # the features read, by their place
    if definition.audience.filter is not None:
        place = ("audience", "filter")
        line = line_of(text, place)
        try:
            condition = audience_filter(definition.audience.filter, set(known) - ROW_COLUMNS, where=f"{path}:{line}")
            read.append((place, condition.features))
        except ConfigError as error:
            complaints.append(Complaint(definition.name, path, line, error.what, error.remedy or "", place))
    if definition.audience.customer_list is not None:
        place = ("audience", "customer_list")
        try:
            load_customer_list(context.settings.home, definition.audience.customer_list)
        except ConfigError as error:
            what = Complaint(definition.name, path, line_of(text, place), error.what, error.remedy or "", place)
            complaints.append(what)
    for name, formula in definition.offer.formulas.items():
        place = ("offer", KEYS[name])
        line = line_of(text, place)
        try:
            read.append((place, term_value(formula, known, where=f"{path}:{line}").features))
        except ConfigError as error:
            complaints.append(Complaint(definition.name, path, line, error.what, error.remedy or "", place))
    models = load_models(context.settings.home) if read else {}
    for place, features in read:
        lacks = [undeclared(context.settings, models, [feature]) for feature in sorted(features)]
        complaints += [
            Complaint(definition.name, path, line_of(text, place), *lack, place, lacks_source=True)
            for lack in lacks
            if lack
        ]
    connector, connectors = definition.crm.connector, context.settings.connectors
    if connector is not None and connector not in connectors:
        remedy = nearest(connector, connectors) if connectors else f"Declare [connectors.{connector}] in churn.toml."
        place = ("crm", "connector")
        complaints.append(
            Complaint(definition.name, path, line_of(text, place), f"no connector `{connector}`", remedy, place)
        )
    return complaints


def _no_numbers(
    context: Context, definitions: Sequence[CampaignDefinition], files: Mapping[str, Path]
) -> list[Complaint]:
    """Return complaints about terms that give no numbers; none where no features are built, or another process is at them."""
    if not definitions or not context.settings.warehouse_path.exists():
        return []
    complaints = []
    models = load_models(context.settings.home)
    try:
        with context.open_warehouse("churn campaigns") as warehouse:
            known = known_columns(models, warehouse)
            if not warehouse.has_table("snapshots.customer_value"):
                return []
            for definition in definitions:
                path = files[definition.name]
                text = path.read_text(encoding="utf-8-sig")
                for name, formula in check_formulas(
                    definition.offer.formulas, known, places_of(definition, path, text)
                ).items():
                    try:
                        require_numbers(warehouse, models, {name: formula})
                    except ConfigError as error:
                        place = ("offer", KEYS[name])
                        line = line_of(text, place)
                        complaints.append(Complaint(definition.name, path, line, error.what, error.remedy or "", place))
    except WarehouseBusy:
        return complaints
    return complaints


def _reads_features(definition: CampaignDefinition) -> bool:
    return bool(definition.audience.filter or definition.offer.formulas)


def _known_features(context: Context, definitions: Sequence[CampaignDefinition]) -> frozenset[str]:
    """Return the features of the SQL files; those of the warehouse too where a filter names another."""
    models = load_models(context.settings.home)
    known = known_columns(models)
    try:
        for definition in definitions:
            if definition.audience.filter is not None:
                audience_filter(definition.audience.filter, known - ROW_COLUMNS, where=definition.name)
            for formula in definition.offer.formulas.values():
                term_value(formula, known, where=definition.name)
    except ConfigError:
        if context.settings.warehouse_path.exists():
            try:
                with context.open_warehouse("churn campaigns") as warehouse:
                    return known_columns(models, warehouse)
            except WarehouseBusy:
                return known  # another process holds the warehouse; go by the features that are listed
    return known
