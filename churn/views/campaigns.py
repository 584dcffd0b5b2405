"""Tells where every campaign stands: planned, pushed, running, ready to be measured, measured; and what it promised and kept."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, Final, Literal

from churn.campaigns.measurement_words import ALARM
from churn.campaigns.plan_words import audience_in_short, choice_words, definition_words, expectation_words, power_words
from churn.campaigns.reading import campaign_files, examine, load_campaign
from churn.context import Context
from churn.documents.definition import CampaignDefinition
from churn.errors import ModelError, NotFound
from churn.modeling import load_card
from churn.snapshots.policy import SnapshotPolicy
from churn.views.home import is_demo_home

if TYPE_CHECKING:
    from churn.store import Measurement, PlanRecord, Rejection, ScheduledRun, Store, SyncRun


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


SHOWN_REJECTIONS: Final = 50
ASKED_JOBS: Final = ("plan", "sync", "measure")
_WORD: Final = re.compile(r"[A-Za-z_]\w*")


def campaign_view(context: Context, name: str) -> dict[str, Any]:
    """Return one campaign as its page shows it.

    Keys: row (see `row_of`), definition (words, filter, features, fields, file_text; None where the file is wrong or
    gone), plan (see `_plan`; None before the first), plans, connectors (names that can be pushed to), runs,
    rejections, outcomes (kind, events, matched, last_occurred_at), measurement (the newest document, None before),
    jobs (asked for, newest first). Raises NotFound for a campaign that there is not.
    """
    settings = context.settings
    files = campaign_files(settings.home)
    definition, complaints = examine(name, files[name]) if name in files else (None, [])
    error = f"{complaints[0].what}. {complaints[0].remedy}" if complaints else None
    with context.open_store() as store:
        found = standing_of(context, store, name)
        if name not in files and not found.plans:
            near = difflib.get_close_matches(name, files, n=1, cutoff=0.4)
            raise NotFound(
                f"there is no campaign `{name}`",
                where="campaigns",
                remedy=f"Did you mean `{near[0]}`?" if near else "See the list of campaigns.",
            )
        outcomes = [row for row in store.outcomes.counts() if row["campaign"] == name]
        jobs = asked_jobs(store, name)
        described = _described(context, store) if definition and definition.audience.filter else {}
    return {
        "name": name,
        "row": row_of(name, definition, error, found),
        "alarm": found.alarm,
        "definition": None if definition is None else _definition(context, definition, described),
        "plan": _plan(name, found.plans[0], settings.business.currency) if found.plans else None,
        "plans": list(found.plans),
        "connectors": connectors(context, definition),
        "runs": list(found.runs),
        "rejections": _rejections(found),
        "outcomes": outcomes,
        "measurement": found.measurement.result if found.measurement else None,
        "jobs": jobs,
    }


def connectors(context: Context, definition: CampaignDefinition | None) -> list[str]:
    """Return the connectors that a campaign may be pushed to, its own first; `file` needs no section."""
    names = list(dict.fromkeys([*context.settings.connectors, "file"]))
    own = definition.crm.connector if definition else None
    return [own, *(name for name in names if name != own)] if own in names else names


def asked_jobs(store: Store, campaign: str, limit: int = 5) -> list[ScheduledRun]:
    """Return the newest plans, pushes and measurements that were asked for of `campaign`, newest first."""
    found = [run for job in ASKED_JOBS for run in store.jobs.list(job, limit=30) if campaign in _campaigns_of(run)]
    return sorted(found, key=lambda run: run.run_id, reverse=True)[:limit]


def _campaigns_of(run: ScheduledRun) -> Collection[str]:
    named = run.parameters.get("campaigns") or run.parameters.get("campaign")
    if isinstance(named, str):
        return (named,)
    return named if isinstance(named, list) else ()


def _definition(context: Context, definition: CampaignDefinition, described: Mapping[str, str]) -> dict[str, Any]:
    words = definition_words(
        definition,
        window_days=definition.window(context.settings.churn),
        currency=context.settings.business.currency,
    )
    text = definition.audience.filter
    named = [name for name in dict.fromkeys(_WORD.findall(text or "")) if name in described]
    return {
        "words": words,
        "description": definition.description,
        "filter": text,
        "features": [(name, described[name]) for name in named],
        "fields": sorted(definition.crm.fields.items()),
    }


def _described(context: Context, store: Store) -> dict[str, str]:
    """Return what the features of the serving model mean, by name; nothing where there is no model yet."""
    champion = store.models.champion()
    if champion is None:
        return {}
    try:
        card = load_card(context.settings.models_path / champion.bundle)
    except ModelError:  # the filter is shown without explanations; the model page tells what is wrong
        return {}
    return {feature.name: feature.description for feature in card.features}


def _plan(name: str, plan: PlanRecord, currency: str) -> dict[str, Any] | None:
    """Return the newest plan of one campaign, of the document that several may share; None for one that lacks it.

    Keys: plan_id, planned_at, snapshot_date, model_version, told (the campaign's entry), funnel (label, removed,
    remaining; only rules that removed somebody), customers, choice, expectation, power (words), holdout, with (other
    campaigns planned with it), budget, committed.
    """
    document = plan.result
    told = next((each for each in document.get("campaigns", []) if each.get("name") == name), None)
    if told is None:
        return None
    funnel = [row for row in document["eligibility"] if row["campaign"] == name and row["removed"]]
    return {
        "plan_id": plan.plan_id,
        "planned_at": plan.planned_at,
        "snapshot_date": plan.snapshot_date,
        "model_version": plan.model_version,
        "customers": document["customers"],
        "told": told,
        "funnel": funnel,
        "choice": choice_words(told, currency),
        "expectation": expectation_words(told["expected"], currency) if told["treatment"] else None,
        "power": power_words(document["power"][name], document["holdout"][name], currency),
        "holdout": document["holdout"][name],
        "with": [each["title"] for each in document["campaigns"] if each["name"] != name],
        "budget": document["allocation"]["budget"],
        "committed": document["allocation"]["committed"],
        "is_overridden": document["calibration"]["is_overridden"],
        "stale_reason": document["stale_reason"],
    }


def _rejections(found: Standing) -> dict[str, Any]:
    rows = sorted(found.rejections, key=lambda row: row.last_seen_at, reverse=True)
    return {
        "total": len(rows),
        "held": sum(row.is_held for row in rows),
        "connectors": sorted({row.connector for row in rows}),
        "rows": rows[:SHOWN_REJECTIONS],
    }


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
        "definition": definition.as_json(),
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


def read_ledger(context: Context) -> list[dict[str, Any]]:
    """Return the save ledger: every campaign ever planned, what its plans expected, and its newest measurement."""
    with context.open_store() as store:
        counts = store.assignments.counts()
        rows = []
        for campaign in sorted({plan.campaign for plan in store.plans.list()}):
            newest = store.measurements.latest(campaign)
            told = newest.result if newest is not None else {}
            arms = counts.get(campaign, {"treatment": 0, "holdout": 0})
            rows.append(
                {
                    "campaign": campaign,
                    "treatment": arms["treatment"],
                    "holdout": arms["holdout"],
                    "measured_customers": sum(arm["assigned"] for arm in told.get("arms", {}).values()),
                    "status": told.get("status", "not_measured"),
                    "verdict": told.get("verdict"),
                    "measured_at": newest.measured_at if newest is not None else None,
                    "ready_date": told.get("maturity", {}).get("ready_date"),
                    "ledger": told.get("ledger"),
                    "currency": told.get("currency", context.settings.business.currency),
                }
            )
    return rows
