"""Lists campaigns, shows one with what became of it, and finds everything wrong with their files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from churn.campaigns.definition import CampaignDefinition
from churn.campaigns.reading import Complaint, campaign_files, examine, line_of, load_campaign, nearest
from churn.context import Context
from churn.errors import ConfigError, NotFound, WarehouseBusy

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence


@dataclass(frozen=True)
class CampaignReview:
    """The campaigns looked at, by name, with their files, and everything that is wrong."""

    files: dict[str, Path]
    complaints: list[Complaint]


def list_campaigns(context: Context) -> list[dict[str, Any]]:
    """Return a row per campaign: its definition in short, who is assigned, when it was planned last.

    A file that cannot be read is a row with `error`, so that one mistake does not hide the others.
    """
    rows = []
    with context.open_store() as store:
        counts = store.assignments.counts()
        for name, path in sorted(campaign_files(context.settings.home).items()):
            definition, complaints = examine(name, path)
            plan = store.plans.latest(name)
            assigned = counts.get(name, {})
            rows.append(
                {
                    "name": name,
                    "title": definition.title if definition else None,
                    "owner": definition.owner if definition else None,
                    "channel": definition.offer.channel if definition else None,
                    "profit_model": definition.offer.profit_model if definition else None,
                    "treatment": assigned.get("treatment", 0),
                    "holdout": assigned.get("holdout", 0),
                    "planned_at": plan.planned_at if plan else None,
                    "is_changed_since": bool(plan and definition and plan.definition_hash != definition.hash),
                    "error": str(complaints[0].error()) if complaints else None,
                    "file": path,
                }
            )
    return rows


def show_campaign(context: Context, name: str) -> dict[str, Any]:
    """Return one campaign's definition, its file, and its plans, newest first.

    Raises CampaignError naming the nearest campaign, ConfigError when its file is wrong.
    """
    definition = load_campaign(context.settings.home, name)
    with context.open_store() as store:
        plans = store.plans.list(name)
        assigned = store.assignments.counts().get(name, {})
    return {
        "name": name,
        "file": campaign_files(context.settings.home)[name],
        "definition": definition.document(),
        "definition_hash": definition.hash,
        "window_days": definition.window(context.settings.churn),
        "treatment": assigned.get("treatment", 0),
        "holdout": assigned.get("holdout", 0),
        "plans": [
            {
                "plan_id": plan.plan_id,
                "planned_at": plan.planned_at,
                "snapshot_date": plan.snapshot_date,
                "profit_model": plan.profit_model,
                "definition_hash": plan.definition_hash,
                "is_same_definition": plan.definition_hash == definition.hash,
            }
            for plan in plans
        ],
    }


def validate_campaigns(context: Context, names: Sequence[str] = ()) -> CampaignReview:
    """Read the campaigns named, or all, and return everything wrong: file, line, what, and what to do.

    Besides the file itself: features that no SQL file makes and connectors that churn.toml does not declare.
    Raises CampaignError for a campaign that there is not.
    """
    home = context.settings.home
    files = campaign_files(home)
    for name in names:
        if name not in files:
            load_campaign(home, name)  # says which is the nearest
    chosen = {name: path for name, path in sorted(files.items()) if not names or name in names}
    complaints: list[Complaint] = []
    read: list[CampaignDefinition] = []
    for name, path in chosen.items():
        definition, wrong = examine(name, path)
        complaints += wrong
        if definition is not None:
            read.append(definition)
    known = _known_features(context, read) if any(one.audience.filter for one in read) else frozenset()
    for definition in read:
        path = chosen[definition.name]
        complaints += beyond_the_file(context, definition, path, path.read_text(encoding="utf-8-sig"), known)
    return CampaignReview(chosen, sorted(complaints, key=lambda one: (one.campaign, one.line)))


def beyond_the_file(
    context: Context, definition: CampaignDefinition, path: Path, text: str, known: Collection[str]
) -> list[Complaint]:
    """Return what a definition, read from `text`, names that there is not: features, and the connector."""
    from churn.warehouse.models.filters import audience_filter

    found = []
    if definition.audience.filter is not None:
        line = line_of(text, ("audience", "filter"))
        try:
            audience_filter(definition.audience.filter, known, where=f"{path}:{line}")
        except ConfigError as error:
            found.append(Complaint(definition.name, path, line, error.what, error.remedy or ""))
    connector, connectors = definition.crm.connector, context.settings.connectors
    if connector is not None and connector not in connectors:
        remedy = nearest(connector, connectors) if connectors else f"Declare [connectors.{connector}] in churn.toml."
        line = line_of(text, ("crm", "connector"))
        found.append(Complaint(definition.name, path, line, f"no connector `{connector}`", remedy))
    return found


def _known_features(context: Context, definitions: Sequence[CampaignDefinition]) -> frozenset[str]:
    """Return the features of the SQL files; those of the warehouse too where a filter names another."""
    from churn.snapshots.conditions import known_features
    from churn.warehouse.models.filters import audience_filter
    from churn.warehouse.models.sql_models import load_models

    models = load_models(context.settings.home)
    known = known_features(models)
    try:
        for definition in definitions:
            if definition.audience.filter is not None:
                audience_filter(definition.audience.filter, known, where=definition.name)
    except ConfigError:
        if context.settings.warehouse_path.exists():
            try:
                with context.open_warehouse("churn campaigns") as warehouse:
                    return known_features(models, warehouse)
            except WarehouseBusy:
                return known  # whoever holds it is at work; the features listed are what can be said now
    return known


def campaign_results(context: Context, name: str) -> dict[str, Any]:
    """Return what a campaign was measured to have caused, newest first. Raises NotFound before the first measurement."""
    with context.open_store() as store:
        found = store.measurements.list(name)
    if not found:
        raise NotFound("this campaign was not measured yet", where=name, remedy="Run `churn measure`.")
    newest = max(found, key=lambda m: m.measurement_id)
    return {"measurement_id": newest.measurement_id, **newest.result}


def campaign_assignments(context: Context, name: str, *, limit: int, after: str | None) -> dict[str, Any]:
    """Return up to `limit` assignments by customer_id, those after `after`, and where to go on."""
    import polars as pl

    with context.open_store() as store:
        rows = store.assignments.of(name)
    if rows.is_empty():
        raise NotFound("this campaign was never planned", where=name, remedy="Run `churn plan`.")
    rest = rows.filter(pl.col("customer_id") > after) if after is not None else rows
    page = rest.sort("customer_id").head(limit)
    return {
        "campaign": name,
        "assignments": page.to_dicts(),
        "next_cursor": page["customer_id"][-1] if rest.height > page.height else None,
    }
