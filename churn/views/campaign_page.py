"""Reads what the page of a campaign shows: definition and newest plan in words, pushes, refusals, outcomes, results."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Final

from churn.campaigns.archive import archived_programmes
from churn.campaigns.definition_words import definition_words
from churn.campaigns.history import FileVersion, campaign_versions
from churn.campaigns.plan_words import choice_words, expectation_words, power_words, rate_words
from churn.campaigns.reading import campaign_files, examine
from churn.context import Context
from churn.documents.definition import CampaignDefinition
from churn.documents.measurement import MeasurementDocument
from churn.documents.plan import CampaignPlan, RuleCount
from churn.errors import ModelError, NotFound
from churn.languages.words import tr
from churn.modeling import load_card
from churn.views.campaign_standing import ArmSizes, CampaignRow, Standing, arm_sizes, row_of, standing_of
from churn.views.definition_in_force import planned_in_round

if TYPE_CHECKING:
    from churn.store import OutcomeCount, PlanRecord, Rejection, ScheduledRun, Store, SyncRun


SHOWN_REJECTIONS: Final = 50
ASKED_JOBS: Final = ("plan", "sync", "measure", "height", "evaluate")
_WORD: Final = re.compile(r"[A-Za-z_]\w*")


@dataclass(frozen=True)
class DefinitionInWords:
    """A definition as it is read: headings with sentences, and the filter with what its features mean."""

    words: Sequence[tuple[str, str]]
    description: str | None
    filter: str | None
    features: Sequence[tuple[str, str]]
    fields: Sequence[tuple[str, str]]


@dataclass(frozen=True)
class PlanInWords:
    """The newest plan of a campaign: `part` is its own part; `together` names the campaigns planned with it.

    `funnel` holds the rules of eligibility that left somebody out.
    """

    plan_id: str
    planned_at: datetime
    snapshot_date: date
    model_version: str
    customers: int
    part: CampaignPlan
    funnel: Sequence[RuleCount]
    choice: str
    expectation: str | None
    power: Sequence[str]
    believed: Sequence[str]
    together: Sequence[str]
    budget: float | None
    committed: float
    is_overridden: bool
    stale_reason: str | None


@dataclass(frozen=True)
class Refusals:
    """Rows of a campaign that CRMs refuse: how many there are, how many wait for somebody, and the newest of them."""

    total: int
    held: int
    connectors: Sequence[str]
    rows: Sequence[Rejection]


@dataclass(frozen=True)
class CampaignPage:
    """One campaign as its page shows it. `connectors` are those it can be pushed to; `jobs` and `versions` newest first.

    `may_be_changed`: it has a file. `definition` is None where that is wrong or gone, `plan` before the first plan, `measurement` before the first.
    """

    name: str
    row: CampaignRow
    alarm: str | None
    definition: DefinitionInWords | None
    plan: PlanInWords | None
    plans: Sequence[PlanRecord]
    connectors: Sequence[str]
    runs: Sequence[SyncRun]
    rejections: Refusals
    outcomes: Sequence[OutcomeCount]
    measurement: MeasurementDocument | None
    jobs: Sequence[ScheduledRun]
    versions: Sequence[FileVersion]
    may_be_changed: bool


def campaign_page(context: Context, name: str) -> CampaignPage:
    """Return what the page of a campaign shows. Raises NotFound for a campaign that there is not."""
    settings = context.settings
    files = campaign_files(settings.home)
    with context.open_store() as store:
        standing = standing_of(context, store, name, arm_sizes(store).get(name, ArmSizes()))
        newest = standing.plans[0] if standing.plans else None
        definition, complaints = examine(name, files[name]) if name in files else (planned_in_round(newest), [])
        error = f"{complaints[0].what}. {complaints[0].remedy}" if complaints else None
        if name not in files and not standing.plans:
            near = difflib.get_close_matches(name, files, n=1, cutoff=0.4)
            raise NotFound(
                tr("there is no campaign `{name}`", name=name),
                where="campaigns",
                remedy=tr("Did you mean `{near}`?", near=near[0]) if near else tr("See the list of campaigns."),
            )
        outcomes = [count for count in store.outcomes.counts() if count.campaign == name]
        jobs = asked_jobs(store, name)
        described = _described(context, store) if definition and definition.audience.filter else {}
    return CampaignPage(
        name=name,
        row=row_of(name, definition, error, standing, archived_programmes(settings.home)),
        alarm=standing.alarm,
        definition=None if definition is None else _definition(context, definition, described),
        plan=_plan(standing.plans[0], settings.business.currency) if standing.plans else None,
        plans=standing.plans,
        connectors=connectors(context, definition),
        runs=standing.runs,
        rejections=_refusals(standing),
        outcomes=outcomes,
        measurement=standing.measurement.result if standing.measurement else None,
        jobs=jobs,
        versions=campaign_versions(settings.home, name)[::-1],
        may_be_changed=name in files,
    )


def connectors(context: Context, definition: CampaignDefinition | None) -> list[str]:
    """Return the connectors that a campaign may be pushed to, its own first; `file` needs no section."""
    names = list(dict.fromkeys([*context.settings.connectors, "file"]))
    own = definition.crm.connector if definition else None
    return [own, *(name for name in names if name != own)] if own in names else names


def asked_jobs(store: Store, campaign: str, limit: int = 5) -> list[ScheduledRun]:
    """Return the newest plans, pushes, measurements and looks ahead that were asked for of a campaign or programme, newest first."""
    runs = [run for job in ASKED_JOBS for run in store.jobs.list(job, limit=30) if campaign in _campaigns_of(run)]
    return sorted(runs, key=lambda run: run.run_id, reverse=True)[:limit]


def _campaigns_of(run: ScheduledRun) -> Collection[str]:
    named = run.parameters.get("campaigns") or run.parameters.get("campaign") or run.parameters.get("programme")
    if isinstance(named, str):
        return (named,)
    return named if isinstance(named, list) else ()


def _definition(context: Context, definition: CampaignDefinition, described: Mapping[str, str]) -> DefinitionInWords:
    text = definition.audience.filter
    named = [name for name in dict.fromkeys(_WORD.findall(text or "")) if name in described]
    return DefinitionInWords(
        words=definition_words(
            definition,
            window_days=definition.window(context.settings.churn),
            currency=context.settings.business.currency,
        ),
        description=definition.description,
        filter=text,
        features=[(name, described[name]) for name in named],
        fields=sorted(definition.crm.fields.items()),
    )


def _described(context: Context, store: Store) -> dict[str, str]:
    """Return what the features of the serving model mean, by name; nothing where there is no model yet."""
    champion = store.models.champion()
    if champion is None:
        return {}
    try:
        card = load_card(context.settings.models_path / champion.bundle)
    except ModelError:  # the filter is shown without explanations; the model page says what is wrong
        return {}
    return {feature.name: feature.description for feature in card.features}


def _plan(plan: PlanRecord, currency: str) -> PlanInWords | None:
    """Return a plan of one campaign in words, of the document that several may share; None for one that lacks it."""
    document, name = plan.result, plan.campaign
    part = document.campaign(name)
    if part is None:
        return None
    return PlanInWords(
        plan_id=plan.plan_id,
        planned_at=plan.planned_at,
        snapshot_date=plan.snapshot_date,
        model_version=plan.model_version,
        customers=document.customers,
        part=part,
        funnel=[row for row in document.eligibility if row.campaign == name and row.removed],
        choice=choice_words(part, currency),
        expectation=expectation_words(part.expected, currency) if part.treatment else None,
        power=power_words(document.power[name], document.holdout[name], currency),
        believed=[rate_words(rate) for rate in part.effect],
        together=[other.title for other in document.campaigns if other.name != name],
        budget=document.allocation.budget,
        committed=document.allocation.committed,
        is_overridden=document.calibration.is_overridden,
        stale_reason=document.stale_reason,
    )


def _refusals(standing: Standing) -> Refusals:
    rows = sorted(standing.rejections, key=lambda row: row.last_seen_at, reverse=True)
    return Refusals(
        total=len(rows),
        held=sum(row.is_held for row in rows),
        connectors=sorted({row.connector for row in rows}),
        rows=rows[:SHOWN_REJECTIONS],
    )
