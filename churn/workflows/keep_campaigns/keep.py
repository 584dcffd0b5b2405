"""Keeps running campaigns up to date: plans them again, pushes them, pulls their outcomes, and measures them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TypeVar

from churn.campaigns.archive import archived_campaigns, archived_programmes
from churn.campaigns.programmes import load_programme, programme_files
from churn.campaigns.reading import campaign_files
from churn.context import Context
from churn.crm.request import PUSH_ONE
from churn.documents.programme import Cadence
from churn.errors import CampaignError, ChurnError, ConfigError, ModelError, QualityBlocked
from churn.views.definition_in_force import planned_in_round
from churn.workflows.measure import measure_campaign, pull_outcomes
from churn.workflows.plan import PlanRequest, plan_campaigns
from churn.workflows.sync import RISK_LIST, WITHDRAW_ONE, SyncOptions, sync_crm, withdraw_campaign

Subject = TypeVar("Subject")
HELD_BACK = "campaign_held_back"  # the kind of alert
_REFUSALS = (CampaignError, ConfigError, ModelError, QualityBlocked)  # a second attempt would be refused as well


@dataclass(frozen=True)
class Kept:
    """What was done: `rows` counted, a phrase for each subject, and the failures that did not stop the others."""

    rows: int = 0
    phrases: tuple[str, ...] = ()
    failures: tuple[ChurnError, ...] = ()

    def and_then(self, phrase: str, *, rows: int = 0, failure: ChurnError | None = None) -> Kept:
        """Return what was done with one more subject."""
        failures = self.failures if failure is None else (*self.failures, failure)
        return Kept(self.rows + rows, (*self.phrases, phrase), failures)

    def and_also(self, other: Kept) -> Kept:
        """Return what was done together with something else."""
        return Kept(self.rows + other.rows, (*self.phrases, *other.phrases), (*self.failures, *other.failures))


def running_campaigns(context: Context, on: date) -> list[str]:
    """Return the campaigns, in order, that have customers whose window is open on a day, and a definition still.

    Those of programmes' rounds keep the one that they were planned with. What is archived runs no more.
    """
    home = context.settings.home
    known = campaign_files(home).keys() - archived_campaigns(home).keys()
    archived = archived_programmes(home)
    running = []
    with context.open_store() as store:
        for name, counted in store.assignments.counts().items():
            plan = store.plans.latest(name)
            if plan is None or (name not in known and planned_in_round(plan) is None):
                continue
            if plan.inputs.programme in archived:
                continue
            if counted.last_snapshot_date + timedelta(days=plan.window_days) >= on:
                running.append(name)
    return running


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
            kept = kept.and_then(_hold_back(context, "plan", label, error))
            continue
        _goes_on(context, "plan", label)
        added = planned.assignments.filter("is_new")
        for name in names:
            mine = added.filter(added["campaign"] == name)
            contacts = mine.filter(mine["arm"] == "treatment").height
            phrase = f"{name} +{contacts:,} to contact, +{mine.height - contacts:,} held out"
            kept = kept.and_then(phrase, rows=mine.height)
    return kept


def plan_programmes(context: Context) -> Kept:
    """Plan a round of every programme whose cadence says so, and let drafts lapse whose time is over."""
    with context.open_store() as store:
        lapsed = store.programmes.expire(context.in_company_time().clock())
        run = store.scores.current_run()
        home = context.settings.home
        names = programme_files(home).keys() - archived_programmes(home).keys()
        newest = {name: store.programmes.rounds(name, limit=1) for name in sorted(names)}
    kept = Kept()
    for name, number in lapsed:
        kept = kept.and_then(f"{name}: the draft of round {number} has expired")
    if run is None:
        return kept
    for name, rounds in newest.items():
        try:
            programme = load_programme(context.settings.home, name)
            is_cut_off = bool(rounds) and rounds[0].state == "draft" and rounds[0].expires_at is None
            is_due = _is_due(programme.cadence, rounds[0].snapshot_date if rounds else None, run.snapshot_date)
            if not is_due and not is_cut_off:  # a round that nobody need approve is a draft for a moment only
                continue
            planned = plan_campaigns(context, PlanRequest(campaigns=(name,))).round
        except _REFUSALS as error:
            kept = kept.and_then(_hold_back(context, "plan", name, error))
            continue
        _goes_on(context, "plan", name)
        if planned is not None:
            contacts = sum(arm.contacted for arm in planned.arms)
            waits = ", waiting for approval" if planned.is_draft else ""
            kept = kept.and_then(f"{name}: round {planned.round}, {contacts:,} to contact{waits}", rows=contacts)
    return kept


def _is_due(cadence: Cadence, last: date | None, day: date) -> bool:
    """Say whether a programme whose newest round is on the scores of `last` is planned on those of `day`."""
    if cadence == "by_hand":
        return False
    if last is None or cadence == "daily":
        return last is None or day > last
    if cadence == "weekly":
        return day >= last + timedelta(days=7)
    return (day.year, day.month) > (last.year, last.month)


def _planned_together(context: Context) -> list[tuple[tuple[str, ...], float | None]]:
    """Return the running campaigns in the groups in which they were planned last, each with its budget."""
    running = running_campaigns(context, context.today)
    groups: dict[tuple[str, ...], float | None] = {}
    placed: set[str] = set()
    with context.open_store() as store:
        plans = [
            plan
            for plan in map(store.plans.latest, running)
            if plan is not None and plan.inputs.programme is None  # a round is never added to
        ]
    for plan in sorted(plans, key=lambda plan: plan.planned_at, reverse=True):
        together = tuple(name for name in plan.inputs.campaigns if name in running)
        if plan.campaign in placed or not together:
            continue
        free = tuple(name for name in together if name not in placed)
        groups[free] = plan.inputs.budget
        placed |= set(free)
    return list(groups.items())


def resync_campaigns(context: Context) -> Kept:
    """Bring every destination that was pushed to before, or that a running campaign names, in step again.

    A campaign whose last window has closed, or that was archived, is taken off the CRM, once: nobody is to be contacted for it
    any more. What was withdrawn is left alone. One system that fails does not keep the others waiting.
    """
    return _one_by_one(context, "sync", destinations(context), _push, lambda pair: f"{pair[0]} to {pair[1]}")


def _push(context: Context, pair: tuple[str, str]) -> tuple[int, str]:
    if pair[0] != RISK_LIST and pair[0] not in running_campaigns(context, context.today):
        counts = withdraw_campaign(context, pair[0], pair[1], who="nightly job").report.counts
        gone = sum(int(counts.get(name, 0)) for name in ("cleared", "updated"))
        return gone, f"{gone:,} taken off, for its window has closed or it was archived"
    report = sync_crm(context, pair[0], connector=pair[1], options=SyncOptions(who="nightly job")).report
    written = sum(int(report.counts.get(name, 0)) for name in ("created", "updated", "cleared"))
    rejected = int(report.counts.get("rejected", 0))
    return written, f"{written:,} written" + (f", {rejected:,} rejected" if rejected else "")


def destinations(context: Context) -> list[tuple[str, str]]:
    """Return (campaign, connector) of what is to be kept in step: pushed before and not withdrawn, or named."""
    known = campaign_files(context.settings.home)
    newest: dict[tuple[str, str], str] = {}
    with context.open_store() as store:
        for run in store.sync_runs.history(limit=None):
            if run.action in {WITHDRAW_ONE, PUSH_ONE}:
                continue  # such runs took off or pushed one person; the list as a whole goes on
            newest.setdefault((run.campaign, run.connector), run.action)
        named = []
        for name in running_campaigns(context, context.today):
            plan = store.plans.latest(name)
            if plan is not None and plan.definition.crm.connector:
                named.append((name, plan.definition.crm.connector))
        rounds = {pair[0] for pair in newest if planned_in_round(store.plans.latest(pair[0])) is not None}
    pushed = [
        pair
        for pair, action in newest.items()
        if action == "push" and (pair[0] in known or pair[0] in rounds or pair[0] == RISK_LIST)
    ]
    withdrawn = {pair for pair, action in newest.items() if action != "push"}
    return sorted({*pushed, *(pair for pair in named if pair not in withdrawn)})


def pull_all_outcomes(context: Context) -> Kept:
    """Ask every system that is pushed to what became of the customers."""
    with context.open_store() as store:  # a CRM reports on people even after they were taken off
        names = sorted({run.connector for run in store.sync_runs.history(limit=None)})
    return _one_by_one(context, "outcomes", names, _pull, str)


def _pull(context: Context, name: str) -> tuple[int, str]:
    recorded = pull_outcomes(context, name)
    rejected = f", {recorded.rejected:,} rejected" if recorded.rejected else ""
    return recorded.new, f"{recorded.new:,} new{rejected}"


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
    return _one_by_one(context, "measure", pending, _measure, str)


def _measure(context: Context, name: str) -> tuple[int, str]:
    document = measure_campaign(context, name).document
    ready = document.maturity.ready_date
    phrase = f"ready on {ready}" if ready else str(document.verdict or document.status).replace("_", " ")
    return document.arms.customers, phrase


def _one_by_one(
    context: Context,
    what: str,
    subjects: Iterable[Subject],
    work: Callable[[Context, Subject], tuple[int, str]],
    name: Callable[[Subject], str],
) -> Kept:
    """Do `work` for every subject; one that is refused or fails does not stop the others."""
    kept = Kept()
    for subject in subjects:
        label = name(subject)
        try:
            rows, phrase = work(context, subject)
        except _REFUSALS as error:
            kept = kept.and_then(_hold_back(context, what, label, error))
        except ChurnError as error:
            kept = kept.and_then(f"{label}: failed ({error.what})", failure=error)
        else:
            _goes_on(context, what, label)
            kept = kept.and_then(f"{label}: {phrase}", rows=rows)
    return kept


def _hold_back(context: Context, what: str, label: str, error: ChurnError) -> str:
    """Raise the alert of a campaign that was refused, and return what to say of it."""
    with context.open_store() as store:
        store.alerts.raise_(HELD_BACK, f"{what} {label}", "warning", str(error), context.clock())
    return f"{label}: left as it is ({error.what})"


def _goes_on(context: Context, what: str, label: str) -> None:
    with context.open_store() as store:
        store.alerts.resolve(HELD_BACK, f"{what} {label}", context.clock())
