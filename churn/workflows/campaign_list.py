"""Tells where every campaign stands: planned, pushed, running, ready to be measured, measured; and what it promised and kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, Final, Literal

from churn.campaigns.definition import CampaignDefinition
from churn.campaigns.plan_words import audience_in_short
from churn.campaigns.reading import campaign_files, examine
from churn.context import Context
from churn.workflows.demo_home import is_demo_home

if TYPE_CHECKING:
    from churn.store import Measurement, PlanRecord, Rejection, Store, SyncRun

Stage = Literal["broken", "harms", "new", "planned", "running", "due", "measured"]
# What a stage means in words, and how it is to be shown.
STAGES: Final[dict[Stage, tuple[str, str]]] = {
    "broken": ("File has a mistake", "act"),
    "harms": ("Drives customers away", "act"),
    "new": ("Not planned yet", "off"),
    "planned": ("Planned, not pushed", "watch"),
    "running": ("Running", "run"),
    "due": ("Ready to be measured", "watch"),
    "measured": ("Measured", "ok"),
}
_URGENCY: Final[tuple[Stage, ...]] = ("harms", "broken", "due", "planned", "running", "measured", "new")
OVERDUE_DAYS: Final = 3


@dataclass(frozen=True)
class Standing:
    """All that the store knows of one campaign, and the day that counts as today for it."""

    plans: Sequence[PlanRecord]
    arms: Mapping[str, Any]
    measurement: Measurement | None
    runs: Sequence[SyncRun]
    rejections: Sequence[Rejection]
    alarm: str | None
    ready_date: date | None
    data_until: datetime | None
    today: datetime


def campaign_rows(context: Context) -> list[dict[str, Any]]:
    """Return a row per campaign, those that need somebody first: see `row_of` for its keys."""
    files = campaign_files(context.settings.home)
    with context.open_store() as store:
        names = sorted({*files, *(plan.campaign for plan in store.plans.list())})
        counts = store.assignments.counts()
        rows = []
        for name in names:
            definition, complaints = examine(name, files[name]) if name in files else (None, [])
            error = f"{complaints[0].what}. {complaints[0].remedy}" if complaints else None
            rows.append(row_of(name, definition, error, standing_of(context, store, name, counts)))
    return sorted(rows, key=lambda row: (_URGENCY.index(row["stage"]), row["title"]))


def standing_of(
    context: Context, store: Store, name: str, counts: Mapping[str, Mapping[str, Any]] | None = None
) -> Standing:
    """Read what the store knows of a campaign. In a simulated company it is the day on which its data end."""
    from churn.workflows.measure_campaign import ALARM

    plans = store.plans.list(name)
    run = store.published.current_run()
    until = run.data_cutoff if run else None
    measurement = store.measurements.latest(name)
    if measurement is not None and measurement.result.get("data_cutoff"):
        told = datetime.fromisoformat(measurement.result["data_cutoff"])
        until = max(until, told) if until else told
    alarms = store.alerts.open(kind=ALARM, subject=name)
    is_still = is_demo_home(context.settings.home)
    return Standing(
        plans=plans,
        arms=(counts if counts is not None else store.assignments.counts()).get(name, {}),
        measurement=measurement,
        runs=store.sync_runs.history(campaign=name, limit=20),
        rejections=store.crm.rejections(None, name),
        alarm=alarms[0].message if alarms else None,
        ready_date=_ready(context, plans),
        data_until=until,
        today=until if is_still and until is not None else context.clock(),
    )


def row_of(name: str, definition: CampaignDefinition | None, error: str | None, found: Standing) -> dict[str, Any]:
    """Return a campaign in short.

    Keys: name, title, owner, channel, audience, filter, error, is_changed_since, stage, stage_words, stage_kind,
    treatment, holdout, planned_at, expected (profit, low, high; all plans), realised (value, low, high, verdict; of the
    newest verdict), sync (see `sync_of`), next (date and words, or None).
    """
    stage = _stage(found, error)
    words, kind = STAGES[stage]
    plan = found.plans[0] if found.plans else None
    told = dict(plan.definition) if plan and definition is None else {}
    return {
        "name": name,
        "title": definition.title if definition else told.get("title") or name,
        "owner": definition.owner if definition else told.get("owner"),
        "channel": definition.offer.channel if definition else None,
        "audience": audience_in_short(definition) if definition else None,
        "filter": definition.audience.filter if definition else None,
        "error": error,
        "is_gone": definition is None and error is None,
        "is_changed_since": bool(plan and definition and plan.definition_hash != definition.hash),
        "stage": stage,
        "stage_words": words,
        "stage_kind": kind,
        "treatment": found.arms.get("treatment", 0),
        "holdout": found.arms.get("holdout", 0),
        "planned_at": plan.planned_at if plan else None,
        "expected": _expected(name, found.plans),
        "realised": _realised(found.measurement),
        "sync": sync_of(found),
        "next": _next(stage, found),
    }


def sync_of(found: Standing) -> dict[str, Any]:
    """Return how far the CRM is in step: connector, state, kind and words, last_at, counts, rejected, error."""
    pushes = [run for run in found.runs if run.action == "push"]
    last = pushes[0] if pushes else None
    rejected = len(found.rejections)
    done = next((run for run in pushes if run.state in {"done", "partial"}), None)
    is_over = found.measurement is not None and found.measurement.is_mature
    if last is None:
        kind, words = "off", "Not pushed"
    elif last.state == "running":
        kind, words = "run", "Being pushed"
    elif last.state in {"failed", "abandoned"}:
        kind, words = "act", "Last push failed"
    elif rejected:
        kind, words = "watch", f"{rejected:,} refused"
    elif done and not is_over and (found.today - done.started_at).days >= OVERDUE_DAYS:
        kind, words = "watch", f"Not pushed for {(found.today - done.started_at).days} days"
    else:
        kind, words = "ok", "In step"
    return {
        "connector": last.connector if last else None,
        "state": last.state if last else None,
        "kind": kind,
        "words": words,
        "last_at": last.started_at if last else None,
        "counts": dict(last.counts) if last else {},
        "rejected": rejected,
        "error": last.error if last else None,
    }


def _stage(found: Standing, error: str | None) -> Stage:
    if found.alarm:
        return "harms"
    if error:
        return "broken"
    if not found.plans or not (found.arms.get("treatment", 0) + found.arms.get("holdout", 0)):
        return "new"
    measured = found.measurement
    if measured is not None and measured.is_mature and set(measured.plan_ids) >= _with_customers(found.plans):
        return "measured"
    if found.ready_date and found.data_until and found.ready_date <= found.data_until.date():
        return "due"
    return "running" if any(run.action == "push" and run.state != "failed" for run in found.runs) else "planned"


def _with_customers(plans: Sequence[PlanRecord]) -> set[str]:
    """Return the plans that chose somebody: one that chose nobody has nothing to be measured."""
    return {plan.plan_id for plan in plans if (_of(plan.campaign, plan) or {}).get("chosen", 1)}


def _of(name: str, plan: PlanRecord) -> dict[str, Any] | None:
    return next((each for each in plan.result.get("campaigns", []) if each.get("name") == name), None)


def _expected(name: str, plans: Sequence[PlanRecord]) -> dict[str, float] | None:
    """Return the profit that the plans expect together; their ranges are added, which is the wider reading."""
    found = [told["expected"] for plan in plans if (told := _of(name, plan)) and told["chosen"]]
    if not found:
        return None
    return {
        "profit": sum(each["profit"] for each in found),
        "low": sum(each["profit_interval"]["low"] for each in found),
        "high": sum(each["profit_interval"]["high"] for each in found),
        "cost": sum(each["cost"] for each in found),
        "saves": sum(each["saves"] for each in found),
    }


def _realised(measurement: Measurement | None) -> dict[str, Any] | None:
    money = measurement.result.get("money") if measurement else None
    if measurement is None or not money or "net_profit" not in money:
        return None
    return {
        **money["net_profit"],
        "verdict": measurement.result["verdict"],
        "saves": money["saves"],
        "is_mature": measurement.is_mature,
        "measured_at": measurement.measured_at,
    }


def _ready(context: Context, plans: Sequence[PlanRecord]) -> date | None:
    """Return the day on which the outcome of everybody planned is final, as `churn measure` counts it."""
    from churn.snapshots.policy import SnapshotPolicy

    base = replace(SnapshotPolicy.from_settings(context.settings), lead_days=0)
    ends = []
    for plan in plans:
        if plan.plan_id not in _with_customers([plan]):
            continue
        days = int(plan.inputs.get("window_days") or plan.definition.get("window_days") or base.horizon_days)
        ends.append(replace(base, horizon_days=days).matures_at(plan.snapshot_date).date())
    return max(ends, default=None)


def _next(stage: Stage, found: Standing) -> dict[str, Any] | None:
    match stage:
        case "running" | "planned" if found.ready_date:
            return {"date": found.ready_date, "words": "outcomes known"}
        case "due":
            return {"date": found.ready_date, "words": "outcomes known since"}
    return None
