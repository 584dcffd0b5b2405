"""Reads where every campaign stands (planned, pushed, running, ready to be measured, measured), and its profit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import TYPE_CHECKING, Final, Literal

from churn.campaigns.archive import archived_programmes
from churn.campaigns.definition_words import audience_in_short
from churn.campaigns.measurement_words import ALARM
from churn.campaigns.reading import campaign_files, examine
from churn.context import Context
from churn.documents.campaign_profit import BroughtProfit, PromisedProfit
from churn.documents.definition import CampaignDefinition
from churn.languages.words import N_, tr
from churn.snapshots.policy import SnapshotPolicy
from churn.views.definition_in_force import planned_in_round
from churn.views.status import StatusKind
from churn.wording import count

if TYPE_CHECKING:
    from churn.store import Measurement, PlanRecord, Rejection, Store, SyncRun


Stage = Literal["broken", "harms", "new", "planned", "running", "due", "measured", "archived"]
# What a stage means in words, and how it is to be shown.
STAGES: Final[dict[Stage, tuple[str, StatusKind]]] = {
    "broken": (N_("File has a mistake"), "act"),
    "harms": (N_("Drives customers away"), "act"),
    "new": (N_("Not planned yet"), "off"),
    "planned": (N_("Planned, not pushed"), "watch"),
    "running": (N_("Running"), "run"),
    "due": (N_("Ready to be measured"), "watch"),
    "measured": (N_("Measured"), "ok"),
    "archived": (N_("Archived"), "off"),
}
_URGENCY: Final[tuple[Stage, ...]] = ("harms", "broken", "due", "planned", "running", "measured", "new", "archived")
OVERDUE_DAYS: Final = 3


@dataclass(frozen=True)
class ArmSizes:
    """How many customers of a campaign are in each arm."""

    treatment: int = 0
    holdout: int = 0

    @property
    def customers(self) -> int:
        """Both arms together."""
        return self.treatment + self.holdout


@dataclass(frozen=True)
class Standing:
    """All that the store knows of one campaign, and the day that counts as today for it."""

    plans: Sequence[PlanRecord]
    arms: ArmSizes
    measurement: Measurement | None
    runs: Sequence[SyncRun]
    rejections: Sequence[Rejection]
    alarm: str | None
    ready_date: date | None
    data_until: datetime | None
    today: datetime


@dataclass(frozen=True)
class CrmStanding:
    """How far the CRM is in step: what to show, and the newest push behind it."""

    kind: StatusKind
    words: str
    connector: str | None = None
    state: str | None = None
    last_at: datetime | None = None


@dataclass(frozen=True)
class NextDay:
    """The day to wait for, and what comes then."""

    date: date | None
    words: str


@dataclass(frozen=True)
class CampaignRow:
    """A campaign in short. `error` says what is wrong with its file; `is_gone` that there is none any more."""

    name: str
    title: str
    owner: str | None
    channel: str | None
    audience: str | None
    filter: str | None
    error: str | None
    is_gone: bool
    is_changed_since: bool
    stage: Stage
    stage_words: str
    stage_kind: StatusKind
    treatment: int
    holdout: int
    planned_at: datetime | None
    expected: PromisedProfit | None
    realised: BroughtProfit | None
    sync: CrmStanding
    next: NextDay | None
    programme: str | None = None  # whose round it is
    archived: date | None = None  # since when it, or its programme, is archived


def campaign_rows(context: Context) -> list[CampaignRow]:
    """Return a row per campaign, those that need somebody first, and archived ones last."""
    files = campaign_files(context.settings.home)
    archived = archived_programmes(context.settings.home)
    with context.open_store() as store:
        names = sorted({*files, *(plan.campaign for plan in store.plans.list())})
        sizes = arm_sizes(store)
        rows = []
        for name in names:
            standing = standing_of(context, store, name, sizes.get(name, ArmSizes()))
            newest = standing.plans[0] if standing.plans else None
            definition, complaints = examine(name, files[name]) if name in files else (planned_in_round(newest), [])
            error = f"{complaints[0].what}. {complaints[0].remedy}" if complaints else None
            rows.append(row_of(name, definition, error, standing, archived))
    return sorted(rows, key=lambda row: (_URGENCY.index(row.stage), row.title))


def arm_sizes(store: Store) -> dict[str, ArmSizes]:
    """Return how many are in each arm of every campaign that has customers."""
    return {name: ArmSizes(counts.treatment, counts.holdout) for name, counts in store.assignments.counts().items()}


def standing_of(context: Context, store: Store, name: str, arms: ArmSizes) -> Standing:
    """Read what the store knows of a campaign. In a simulated company today is the day on which its data end."""
    plans = store.plans.list(name)
    run = store.published.current_run()
    until = run.data_cutoff if run else None
    measurement = store.measurements.latest(name)
    if measurement is not None:
        until = max(until or measurement.result.data_cutoff, measurement.result.data_cutoff)
    alarms = store.alerts.open(kind=ALARM, subject=name)
    return Standing(
        plans=plans,
        arms=arms,
        measurement=measurement,
        runs=store.sync_runs.history(campaign=name, limit=20),
        rejections=store.crm.rejections(None, name),
        alarm=alarms[0].message if alarms else None,
        ready_date=_ready(context, plans),
        data_until=context.local_of(until) if until else None,
        today=context.present(until),
    )


def row_of(
    name: str,
    definition: CampaignDefinition | None,
    error: str | None,
    standing: Standing,
    programmes: Mapping[str, date],
) -> CampaignRow:
    """Return a campaign in short; `definition` is that of its file, None where it cannot be used.

    `programmes` are the archived ones, whose rounds are archived with them.
    """
    plan = standing.plans[0] if standing.plans else None
    programme = plan.inputs.programme if plan else None
    archived = programmes.get(programme or "") or (definition.archived if definition else None)
    stage = "archived" if archived else _stage(standing, error)
    words, kind = STAGES[stage]
    known = definition or (plan.definition if plan else None)
    return CampaignRow(
        name=name,
        title=known.title if known else name,
        owner=known.owner if known else None,
        channel=definition.offer.channel if definition else None,
        audience=audience_in_short(definition) if definition else None,
        filter=definition.audience.filter if definition else None,
        error=error,
        is_gone=definition is None and error is None,
        is_changed_since=bool(plan and definition and plan.definition_hash != definition.hash),
        stage=stage,
        stage_words=words,
        stage_kind=kind,
        treatment=standing.arms.treatment,
        holdout=standing.arms.holdout,
        planned_at=plan.planned_at if plan else None,
        expected=promised_by(standing.plans),
        realised=brought_by(standing.measurement),
        sync=_crm(standing),
        next=_next(stage, standing),
        programme=programme,
        archived=archived,
    )


def promised_by(plans: Sequence[PlanRecord]) -> PromisedProfit | None:
    """Return the profit that plans of one campaign expect together; None where they chose nobody."""
    parts = [part for plan in plans if (part := plan.result.campaign(plan.campaign)) is not None and part.chosen]
    if not parts:
        return None
    return PromisedProfit(
        profit=sum(part.expected.profit for part in parts),
        low=sum(part.expected.profit_interval.low for part in parts),
        high=sum(part.expected.profit_interval.high for part in parts),
        cost=sum(part.expected.cost for part in parts),
        saves=sum(part.expected.saves for part in parts),
    )


def brought_by(measurement: Measurement | None) -> BroughtProfit | None:
    """Return the net profit that a measurement found; None where no effect could be measured."""
    money = measurement.result.earned if measurement is not None else None
    if measurement is None or money is None:
        return None
    return BroughtProfit(
        value=money.net_profit.value,
        low=money.net_profit.low,
        high=money.net_profit.high,
        verdict=measurement.result.verdict,
        saves=money.saves,
        is_mature=measurement.is_mature,
        measured_at=measurement.measured_at,
    )


def _crm(standing: Standing) -> CrmStanding:
    pushes = [run for run in standing.runs if run.action == "push"]
    if not pushes:
        return CrmStanding("off", tr("Not pushed"))
    last = pushes[0]
    kind, words = _push_words(standing, pushes)
    return CrmStanding(kind, words, connector=last.connector, state=last.state, last_at=last.started_at)


def _push_words(standing: Standing, pushes: Sequence[SyncRun]) -> tuple[StatusKind, str]:
    """Return how the state of the pushes, newest first, is shown and said."""
    state, rejected = pushes[0].state, len(standing.rejections)
    if state == "running":
        return "run", tr("Being pushed")
    if state in {"failed", "abandoned"}:
        return "act", tr("Last push failed")
    if rejected:
        return "watch", tr("{number} refused", number=count(rejected))
    done = next((run for run in pushes if run.state in {"done", "partial"}), None)
    is_over = standing.measurement is not None and standing.measurement.is_mature
    if done and not is_over and (standing.today - done.started_at).days >= OVERDUE_DAYS:
        return "watch", tr("Not pushed for {days} days", days=(standing.today - done.started_at).days)
    return "ok", tr("In step")


def _stage(standing: Standing, error: str | None) -> Stage:
    if standing.alarm:
        return "harms"
    if error:
        return "broken"
    if not standing.plans or not standing.arms.customers:
        return "new"
    measured = standing.measurement
    if measured is not None and measured.is_mature and set(measured.plan_ids) >= _with_customers(standing.plans):
        return "measured"
    if standing.ready_date and standing.data_until and standing.ready_date <= standing.data_until.date():
        return "due"
    return "running" if any(run.action == "push" and run.state != "failed" for run in standing.runs) else "planned"


def _with_customers(plans: Sequence[PlanRecord]) -> set[str]:
    """Return the plans that chose somebody: one that chose nobody has nothing to be measured."""
    return {plan.plan_id for plan in plans if (part := plan.result.campaign(plan.campaign)) is None or part.chosen}


def _ready(context: Context, plans: Sequence[PlanRecord]) -> date | None:
    """Return the day on which the outcome of everybody planned is final, as `churn measure` counts it."""
    base = replace(SnapshotPolicy.from_settings(context.settings), lead_days=0)
    chosen = _with_customers(plans)
    ends = [
        replace(base, horizon_days=plan.window_days).matures_at(plan.snapshot_date).date()
        for plan in plans
        if plan.plan_id in chosen
    ]
    return max(ends, default=None)


def _next(stage: Stage, standing: Standing) -> NextDay | None:
    match stage:
        case "running" | "planned" if standing.ready_date:
            return NextDay(standing.ready_date, tr("outcomes known"))
        case "due":
            return NextDay(standing.ready_date, tr("outcomes known since"))
    return None
