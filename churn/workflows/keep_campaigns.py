"""Keeps what was begun in step: campaigns that run are planned again, pushed, asked for outcomes, and measured."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from churn.campaigns.reading import campaign_files
from churn.context import Context
from churn.errors import CampaignError, ChurnError, ConfigError, ModelError, QualityBlocked
from churn.workflows.measure.measure import measure_campaign
from churn.workflows.measure.outcomes import pull_outcomes
from churn.workflows.plan.plan import plan_campaigns
from churn.workflows.plan.request import PlanRequest
from churn.workflows.sync.sync import RISK_LIST, WITHDRAW_ONE, Options, sync_crm, withdraw

HELD_BACK = "campaign_held_back"  # the kind of alert
_REFUSALS = (CampaignError, ConfigError, ModelError, QualityBlocked)  # asking once more would be refused as well


@dataclass
class Kept:
    """What was done: `rows` counted, a phrase for each subject, and the failures that the others did not wait for."""

    rows: int = 0
    told: list[str] = field(default_factory=list)
    failures: list[ChurnError] = field(default_factory=list)


def running_campaigns(context: Context, on: date) -> list[str]:
    """Return the campaigns, in order, that have customers whose window is open on a day, and a definition still."""
    known = campaign_files(context.settings.home)
    found = []
    with context.open_store() as store:
        for name, counted in store.assignments.counts().items():
            plan = store.plans.latest(name)
            if plan is None or name not in known:
                continue
            if counted.last_snapshot_date + timedelta(days=plan.window_days) >= on:
                found.append(name)
    return found


def replan_campaigns(context: Context) -> Kept:
    """Add those who have become worth a contact to the campaigns that run, together and with the budget as before.

    The budget is that of the newest plan, less what earlier plans took: it never grows. A campaign that may not be
    planned (its alarm is open, its file is wrong) is left as it is, with an alert; the others go on.
    """
    kept = Kept()
    for names, budget in _planned_together(context):
        label = ", ".join(names)
        try:
            planned = plan_campaigns(context, PlanRequest(campaigns=names, budget=budget))
        except _REFUSALS as error:
            _held_back(context, "plan", label, error, kept)
            continue
        _goes_on(context, "plan", label)
        added = planned.assignments.filter("is_new")
        kept.rows += added.height
        for name in names:
            mine = added.filter(added["campaign"] == name)
            contacts = mine.filter(mine["arm"] == "treatment").height
            kept.told.append(f"{name} +{contacts:,} to contact, +{mine.height - contacts:,} held out")
    return kept


def _planned_together(context: Context) -> list[tuple[tuple[str, ...], float | None]]:
    """Return the running campaigns in the groups in which they were planned last, each with its budget."""
    running = running_campaigns(context, context.today)
    groups: dict[tuple[str, ...], float | None] = {}
    placed: set[str] = set()
    with context.open_store() as store:
        plans = [plan for plan in map(store.plans.latest, running) if plan is not None]
    for plan in sorted(plans, key=lambda one: one.planned_at, reverse=True):
        together = tuple(name for name in plan.inputs.campaigns if name in running)
        if plan.campaign in placed or not together:
            continue
        free = tuple(name for name in together if name not in placed)
        groups[free] = plan.inputs.budget
        placed |= set(free)
    return list(groups.items())


def resync_campaigns(context: Context) -> Kept:
    """Bring every destination that was pushed to before, or that a running campaign names, in step again.

    A campaign whose last window has closed is taken off the CRM, once: nobody is to be contacted for it any more. What was
    withdrawn is left alone. One system that fails does not keep the others waiting.
    """
    return _each(context, "sync", destinations(context), _push, lambda pair: f"{pair[0]} to {pair[1]}")


def _push(context: Context, pair: tuple[str, str]) -> tuple[int, str]:
    if pair[0] != RISK_LIST and pair[0] not in running_campaigns(context, context.today):
        counts = withdraw(context, pair[0], pair[1], who="nightly job").report.counts
        gone = sum(int(counts.get(name, 0)) for name in ("cleared", "updated"))
        return gone, f"{gone:,} taken off, for its window has closed"
    report = sync_crm(context, pair[0], connector=pair[1], options=Options(who="nightly job")).report
    written = sum(int(report.counts.get(name, 0)) for name in ("created", "updated", "cleared"))
    rejected = int(report.counts.get("rejected", 0))
    return written, f"{written:,} written" + (f", {rejected:,} rejected" if rejected else "")


def destinations(context: Context) -> list[tuple[str, str]]:
    """Return (campaign, connector) of what is to be kept in step: pushed before and not withdrawn, or named."""
    known = campaign_files(context.settings.home)
    newest: dict[tuple[str, str], str] = {}
    with context.open_store() as store:
        for run in store.sync_runs.history(limit=None):
            if run.action == WITHDRAW_ONE:
                continue  # one person was taken off; the list goes on
            newest.setdefault((run.campaign, run.connector), run.action)
        named = []
        for name in running_campaigns(context, context.today):
            plan = store.plans.latest(name)
            if plan is not None and plan.definition.crm.connector:
                named.append((name, plan.definition.crm.connector))
    pushed = [
        pair for pair, action in newest.items() if action == "push" and (pair[0] in known or pair[0] == RISK_LIST)
    ]
    withdrawn = {pair for pair, action in newest.items() if action != "push"}
    return sorted({*pushed, *(pair for pair in named if pair not in withdrawn)})


def pull_all_outcomes(context: Context) -> Kept:
    """Ask every system that is pushed to what became of the customers."""
    with context.open_store() as store:  # what became of people is told also after they were taken off
        names = sorted({run.connector for run in store.sync_runs.history(limit=None)})
    return _each(context, "outcomes", names, _pull, lambda name: name)


def _pull(context: Context, name: str) -> tuple[int, str]:
    found = pull_outcomes(context, name)
    return found.new, f"{found.new:,} new" + (f", {found.rejected:,} rejected" if found.rejected else "")


def remeasure_campaigns(context: Context) -> Kept:
    """Measure every campaign whose customers' windows were not all closed at the last measurement."""
    with context.open_store() as store:
        pending = []
        for name, counted in store.assignments.counts().items():
            newest = store.measurements.latest(name)
            plan = store.plans.latest(name)
            is_newer = plan is not None and newest is not None and plan.plan_id not in newest.plan_ids
            if counted.treatment + counted.holdout and (newest is None or not newest.is_mature or is_newer):
                pending.append(name)
    return _each(context, "measure", pending, _measure, lambda name: name)


def _measure(context: Context, name: str) -> tuple[int, str]:
    document = measure_campaign(context, name).document
    ready = document.maturity.ready_date
    phrase = f"ready on {ready}" if ready else str(document.verdict or document.status).replace("_", " ")
    return document.arms.customers, phrase


def _each(
    context: Context,
    what: str,
    subjects: Iterable[Any],
    work: Callable[[Context, Any], tuple[int, str]],
    name: Callable[[Any], str],
) -> Kept:
    """Do `work` for every subject; one that is refused or fails does not stop the others."""
    kept = Kept()
    for subject in subjects:
        label = name(subject)
        try:
            rows, phrase = work(context, subject)
        except _REFUSALS as error:
            _held_back(context, what, label, error, kept)
        except ChurnError as error:
            kept.failures.append(error)
            kept.told.append(f"{label}: failed ({error.what})")
        else:
            _goes_on(context, what, label)
            kept.rows += rows
            kept.told.append(f"{label}: {phrase}")
    return kept


def _held_back(context: Context, what: str, label: str, error: ChurnError, kept: Kept) -> None:
    kept.told.append(f"{label}: left as it is ({error.what})")
    with context.open_store() as store:
        store.alerts.raise_(HELD_BACK, f"{what} {label}", "warning", str(error), context.clock())


def _goes_on(context: Context, what: str, label: str) -> None:
    with context.open_store() as store:
        store.alerts.resolve(HELD_BACK, f"{what} {label}", context.clock())
