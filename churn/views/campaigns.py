"""Lists the campaigns, and reads one's definition, assignments and measured effect."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import Field

from churn.campaigns.reading import campaign_files, examine, load_campaign
from churn.config import ProfitModel
from churn.context import Context
from churn.documents.definition import CampaignDefinition, OfferModel
from churn.documents.document import Document
from churn.documents.measurement import MeasurementDocument
from churn.errors import NotFound
from churn.languages.words import tr

if TYPE_CHECKING:
    import polars as pl


class ListedCampaign(Document):
    """A campaign in short. `error` says what is wrong with its file, everything of the definition is None then."""

    name: str
    title: str | None
    owner: str | None
    channel: str | None
    profit_model: OfferModel | None
    treatment: int
    holdout: int
    planned_at: datetime | None
    is_changed_since: bool
    error: str | None
    file: Path
    archived: date | None = Field(None, exclude_if=lambda value: value is None)


class ListedPlan(Document):
    """A plan of a campaign in short."""

    plan_id: str
    planned_at: datetime
    snapshot_date: date
    profit_model: ProfitModel
    definition_hash: str
    is_same_definition: bool


class ShownCampaign(Document):
    """One campaign: its file, its definition, who is assigned, and its plans, newest first."""

    name: str
    file: Path
    definition: CampaignDefinition
    definition_hash: str
    window_days: int
    treatment: int
    holdout: int
    plans: tuple[ListedPlan, ...]


@dataclass(frozen=True)
class NumberedMeasurement:
    """The newest measurement, and its number in the store."""

    measurement_id: int
    document: MeasurementDocument


@dataclass(frozen=True)
class AssignmentPage:
    """A page of a campaign's customers, with the columns of `ASSIGNMENT_COLUMNS`, and where to go on."""

    campaign: str
    assignments: pl.DataFrame
    next_cursor: str | None


def list_campaigns(context: Context, *, archived: bool = False) -> list[ListedCampaign]:
    """Return a row per campaign: its definition in short, who is assigned, when it was planned last; or the archived ones.

    A file that cannot be read is a row with `error`, so that one mistake does not hide the others.
    """
    rows = []
    with context.open_store() as store:
        counts = store.assignments.counts()
        for name, path in sorted(campaign_files(context.settings.home).items()):
            definition, complaints = examine(name, path)
            plan, arms = store.plans.latest(name), counts.get(name)
            rows.append(
                ListedCampaign(
                    name=name,
                    title=definition.title if definition else None,
                    owner=definition.owner if definition else None,
                    channel=definition.offer.channel if definition else None,
                    profit_model=definition.offer.profit_model if definition else None,
                    treatment=arms.treatment if arms else 0,
                    holdout=arms.holdout if arms else 0,
                    planned_at=plan.planned_at if plan else None,
                    is_changed_since=bool(plan and definition and plan.definition_hash != definition.hash),
                    error=str(complaints[0].error()) if complaints else None,
                    file=path,
                    archived=definition.archived if definition else None,
                )
            )
    return [row for row in rows if (row.archived is not None) == archived]


def show_campaign(context: Context, name: str) -> ShownCampaign:
    """Return one campaign. Raises CampaignError naming the nearest campaign, ConfigError when its file is wrong."""
    definition = load_campaign(context.settings.home, name)
    with context.open_store() as store:
        plans = store.plans.list(name)
        arms = store.assignments.counts().get(name)
    return ShownCampaign(
        name=name,
        file=campaign_files(context.settings.home)[name],
        definition=definition,
        definition_hash=definition.hash,
        window_days=definition.window(context.settings.churn),
        treatment=arms.treatment if arms else 0,
        holdout=arms.holdout if arms else 0,
        plans=tuple(
            ListedPlan(
                plan_id=plan.plan_id,
                planned_at=plan.planned_at,
                snapshot_date=plan.snapshot_date,
                profit_model=plan.profit_model,
                definition_hash=plan.definition_hash,
                is_same_definition=plan.definition_hash == definition.hash,
            )
            for plan in plans
        ),
    )


def campaign_results(context: Context, name: str) -> NumberedMeasurement:
    """Return what a campaign was measured to have caused. Raises NotFound before the first measurement."""
    with context.open_store() as store:
        newest = store.measurements.latest(name)
    if newest is None:
        raise NotFound(tr("this campaign was not measured yet"), where=name, remedy=tr("Run `churn measure`."))
    return NumberedMeasurement(newest.measurement_id, newest.result)


def campaign_assignments(context: Context, name: str, *, limit: int, after: str | None) -> AssignmentPage:
    """Return up to `limit` assignments by customer_id, those after `after`, and where to go on."""
    import polars as pl

    with context.open_store() as store:
        rows = store.assignments.of(name)
    if rows.is_empty():
        raise NotFound(tr("this campaign was never planned"), where=name, remedy=tr("Run `churn plan`."))
    rest = rows.filter(pl.col("customer_id") > after) if after is not None else rows
    page = rest.sort("customer_id").head(limit)
    return AssignmentPage(name, page, page["customer_id"][-1] if rest.height > page.height else None)
