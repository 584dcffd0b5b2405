"""Says how things stand: churn against its target, money at risk and saved, what is healthy, and what to do next."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Final

from churn.context import Context
from churn.documents.campaign_profit import BroughtProfit, SavedProfit
from churn.documents.churn_month import ChurnMonth
from churn.documents.quality import QualityDocument
from churn.documents.score_summary import ScoreSummary
from churn.languages.recorded import recorded
from churn.languages.words import tr, trn, within
from churn.views.campaign_standing import CampaignRow, campaign_rows
from churn.views.quality import read_quality
from churn.views.scored_customer import no_money
from churn.views.serving_files import read_summary
from churn.views.status import StatusKind
from churn.wording import count, day, decimal, instant, money, month_name, percent

if TYPE_CHECKING:
    from churn.store import Alert, ModelVersion, ScoreRun, Store

OLD_DATA = timedelta(hours=36)  # a nightly run was missed
OLD_MODEL = timedelta(days=120)
SHOWN_TODOS: Final = 4


@dataclass(frozen=True)
class ChurnStanding:
    """Monthly churn against its target: all months (oldest first), the latest, and the one before.

    `gap` is the latest rate minus the target. `excess` is the monthly revenue lost beyond what the target would have
    cost, at the mean revenue of those lost; 0 where the target is met.
    """

    months: tuple[ChurnMonth, ...]
    latest: ChurnMonth
    before: ChurnMonth | None
    target: float
    gap: float
    excess: float


@dataclass(frozen=True)
class HealthRow:
    """One thing to rely on: how it is, in words, and the page that says more."""

    name: str
    address: str
    kind: StatusKind
    words: str
    detail: str


@dataclass(frozen=True)
class Task:
    """What somebody should do, why, and the page where it is done."""

    text: str
    why: str
    address: str


@dataclass(frozen=True)
class Overview:
    """What the front page tells. `alerts` are the open ones, worst first; `todo` begins with the most urgent.

    `tells_money`: the model passed the calibration gate; if not, nothing that its probabilities are worth is shown.
    """

    run: ScoreRun | None
    churn: ChurnStanding | None
    risk: ScoreSummary | None
    saved: SavedProfit | None
    health: tuple[HealthRow, ...]
    alerts: tuple[Alert, ...]
    todo: tuple[Task, ...]
    tells_money: bool


def read_overview(context: Context) -> Overview:
    """Return how things stand; a simulated company's clock stands where its data end."""
    home, target = context.settings.home, context.settings.business.churn_target
    with context.open_store() as store:
        run = store.published.current_run()
        today = context.present(run.data_cutoff if run else None)
        summary = read_summary(home, run.run_id) if run else None
        campaigns = campaign_rows(context)
        brought = [row.realised for row in campaigns if row.realised is not None]
        waiting = sum(1 for row in campaigns if row.stage in {"running", "due"})
        alerts = _alerts(store)
        tells_money = run is None or store.published.tells_money(run)
        health = (
            _data_health(run, today, is_still=context.is_simulated),
            _quality_health(read_quality(home)),
            _model_health(store, store.models.champion(), today),
            _sync_health(campaigns),
            _night_health(store),
        )
    todo = _todo(context, run, summary, campaigns, [] if alerts else health, tells_money=tells_money)
    return Overview(
        run=run,
        churn=churn_of(summary.months, target) if summary else None,
        risk=summary,
        saved=saved_of(brought, waiting),
        health=health,
        alerts=alerts,
        todo=tuple(todo[:SHOWN_TODOS]),
        tells_money=tells_money,
    )


def churn_of(months: tuple[ChurnMonth, ...], target: float) -> ChurnStanding | None:
    """Return how churn stands against `target`; None where no whole month is known."""
    if not months:
        return None
    latest = months[-1]
    gap = latest.churn_rate - target
    has_excess = latest.churn_rate > 0 and gap > 0
    return ChurnStanding(
        months=months,
        latest=latest,
        before=months[-2] if len(months) > 1 else None,
        target=target,
        gap=gap,
        excess=latest.monthly_revenue_lost * gap / latest.churn_rate if has_excess else 0.0,
    )


def saved_of(brought: Sequence[BroughtProfit], waiting: int) -> SavedProfit | None:
    """Return net profit caused by all campaigns that have been measured, while `waiting` ones are not measured yet.

    The campaigns' customers differ, so their errors are independent: the distances from value to each bound of the
    95 % intervals add up in quadrature. None before the first measurement.
    """
    if not brought:
        return None
    value = sum(profit.value for profit in brought)
    return SavedProfit(
        value=value,
        low=value - math.hypot(*(profit.value - profit.low for profit in brought)),
        high=value + math.hypot(*(profit.high - profit.value for profit in brought)),
        saves=sum(profit.saves.value for profit in brought),
        measured=len(brought),
        waiting=waiting,
    )


def _alerts(store: Store) -> tuple[Alert, ...]:
    order = {"critical": 0, "warning": 1, "info": 2}
    return tuple(sorted(store.alerts.open(), key=lambda alert: (order[alert.severity], -alert.alert_id)))


def _data_health(run: ScoreRun | None, today: datetime, *, is_still: bool) -> HealthRow:
    row = partial(HealthRow, tr("Scores and data"), "/jobs")
    if run is None:
        return row("off", tr("No scores yet"), tr("Nothing has been scored."))
    reach = tr("The data reach until {data_cutoff}", data_cutoff=instant(run.data_cutoff))
    if run.is_stale:
        return row("act", tr("Out of date"), f"{stale_words(run.stale_reason)}.")
    age = today - run.data_cutoff
    if not is_still and age > OLD_DATA:
        return row("act", tr("{age} old", age=_days(age)), tr("{reach}; nothing newer has arrived.", reach=reach))
    return row(
        "ok",
        tr("Up to date"),
        tr("{reach}; {customers} customers scored.", reach=reach, customers=count(run.customers)),
    )


def _quality_health(quality: QualityDocument | None) -> HealthRow:
    row = partial(HealthRow, tr("Data quality"), "/jobs#quality")
    if quality is None or not quality.checks:
        return row("off", tr("Not checked yet"), tr("The rules run with the next load."))
    failed = [check for check in quality.checks if check.defect_count]
    blocking = [check for check in failed if check.level == "block"]
    if blocking:
        return row("act", tr("{number} blocking", number=len(blocking)), blocking[0].message)
    if failed:
        return row(
            "watch",
            trn("{number} rule finds defects", "{number} rules find defects", len(failed), number=len(failed)),
            tr("{rule} {number} found.", rule=recorded(failed[0].message), number=count(failed[0].defect_count)),
        )
    return row("ok", tr("Clean"), tr("All {checks} rules hold.", checks=len(quality.checks)))


def _model_health(store: Store, model: ModelVersion | None, today: datetime) -> HealthRow:
    row = partial(HealthRow, tr("Model"), "/model")
    if model is None:
        newest = max(store.models.list(), key=lambda version: version.created_at, default=None)
        return (
            row("off", tr("No model yet"), tr("It is trained from what happened before."))
            if newest is None
            else row("watch", tr("None promoted"), newest.reason)  # its reason says which rule to go by instead
        )
    monitored = store.monitoring.latest()
    if monitored is not None and monitored.model_version == model.version:
        gravest = next((finding for finding in monitored.findings if finding.severity == monitored.severity), None)
        sentence = gravest.sentence if gravest else tr("The monitors ask for a look.")
        if monitored.severity == "act":
            return row("act", tr("Act"), sentence)
        if monitored.severity == "watch":
            return row("watch", tr("Watch"), sentence)
    age, figures = today - model.created_at, model.metrics
    detail = tr(
        "{title}, trained {created_at}",
        title=recorded(figures.title if figures else model.kind),
        created_at=day(model.created_at),
    )
    if figures and figures.lift:
        detail += tr(
            "; its top tenth holds {lift} times as many leavers as chance would", lift=decimal(figures.lift, 1)
        )
    if figures and not figures.is_calibrated:
        return row("watch", tr("Not calibrated"), f"{detail}.")
    if age > OLD_MODEL:
        return row("watch", tr("{age} old", age=_days(age)), f"{detail}.")
    return row("ok", tr("Reliable"), f"{detail}.")


def _sync_health(campaigns: Sequence[CampaignRow]) -> HealthRow:
    row = partial(HealthRow, "CRM", "/campaigns")
    pushed = [campaign for campaign in campaigns if campaign.sync.state is not None and not campaign.archived]
    if not pushed:
        return row("off", tr("Nothing pushed yet"), tr("Plan a campaign, then push its list."))
    for kind in ("act", "watch", "run"):
        first = next((campaign for campaign in pushed if campaign.sync.kind == kind), None)
        if first is not None:
            return row(first.sync.kind, first.sync.words, f"{first.title}.")
    newest = max(campaign.sync.last_at for campaign in pushed if campaign.sync.last_at is not None)
    return row(
        "ok",
        tr("In step"),
        trn(
            "{number} campaign pushed, last on {day}.",
            "{number} campaigns pushed, last on {day}.",
            len(pushed),
            number=len(pushed),
            day=day(newest),
        ),
    )


def _night_health(store: Store) -> HealthRow:
    row = partial(HealthRow, tr("Nightly run"), "/jobs")
    night = store.jobs.latest("nightly")
    if night is None:
        return row("off", tr("Never ran"), tr("It runs by itself once the scheduler does, or on request."))
    at = night.finished_at or night.started_at or night.requested_at
    if night.state == "failed":
        return row("act", tr("Failed"), night.error or tr("It stopped on {at}.", at=day(at)))
    if night.state == "missed":
        return row(
            "watch", tr("Missed"), tr("The run of {logical_date} did not happen.", logical_date=night.logical_date)
        )
    if night.is_under_way:
        step = recorded(night.step.name.replace("_", " ")) if night.step else tr("waiting")
        return row("run", tr("Running"), tr("Current step: {step}.", step=step))
    done = sum(step.state == "done" for step in night.steps)
    return row("ok", tr("Done"), tr("{done} steps on {at}.", done=done, at=instant(at)))


def _todo(
    context: Context,
    run: ScoreRun | None,
    summary: ScoreSummary | None,
    campaigns: Sequence[CampaignRow],
    health: Iterable[HealthRow],
    *,
    tells_money: bool,
) -> list[Task]:
    """Return what a marketer should do, the most urgent first; `health` are the rows that no alert covers."""
    return [
        *(
            Task(
                tr("Look at {place}: {state}", place=within(row.name), state=within(row.words)),
                row.detail,
                row.address,
            )
            for row in health
            if row.kind == "act"
        ),
        *(task for campaign in campaigns if (task := _urgent(campaign)) is not None),
        *(
            _about_risk(context, summary, tells_money=tells_money)
            if run is not None and summary is not None and summary.listed
            else ()
        ),
        *(
            Task(tr("Plan “{title}”", title=campaign.title), tr("It has not been planned yet."), _address(campaign))
            for campaign in campaigns
            if campaign.stage == "new" and run is not None
        ),
        *(
            Task(
                tr("Improve or end “{title}”", title=campaign.title),
                tr("Measured: its effect is not proven ({value}).", value=_range(context, campaign.realised)),
                _address(campaign),
            )
            for campaign in campaigns
            if campaign.stage == "measured" and campaign.realised and campaign.realised.verdict != "works"
        ),
    ]


def _urgent(campaign: CampaignRow) -> Task | None:
    if campaign.stage == "harms":
        return Task(tr("Stop “{title}”", title=campaign.title), tr("It drives customers away."), _address(campaign))
    if campaign.stage == "due":
        return Task(tr("Measure “{title}”", title=campaign.title), tr("Its outcomes are in."), _address(campaign))
    if campaign.stage == "planned":
        why = tr("{treatment} customers are planned and wait.", treatment=count(campaign.treatment))
        return Task(tr("Push “{title}”", title=campaign.title), why, _address(campaign))
    return None


def _about_risk(context: Context, summary: ScoreSummary, *, tells_money: bool) -> tuple[Task, ...]:
    decide = tr("Decide about {listed} customers at high or critical risk", listed=count(summary.listed))
    if summary.listed_contactable is not None and summary.listed_contactable < summary.listed:
        decide += tr(
            ", {listed_contactable} of whom may be contacted", listed_contactable=count(summary.listed_contactable)
        )
    if not tells_money:
        return (Task(decide, no_money(summary.model_version), "/risk-list"),)
    find = Task(
        tr("Find the threshold that pays"), tr("How far down the list contacting still earns money."), "/simulator"
    )
    if not summary.knows_fees:
        return (
            Task(
                decide,
                tr("They are the likeliest to leave within {horizon_days} days.", horizon_days=summary.horizon_days),
                "/risk-list",
            ),
            find,
        )
    loss = _money(summary.listed_expected_loss, context.settings.business.currency)
    return (
        Task(
            decide,
            tr(
                "About {loss} of monthly revenue is expected to leave with them within {horizon_days} days.",
                loss=loss,
                horizon_days=summary.horizon_days,
            ),
            "/risk-list",
        ),
        find,
    )


def _address(campaign: CampaignRow) -> str:
    return f"/campaigns/{campaign.name}"


def _range(context: Context, brought: BroughtProfit) -> str:
    low, high = (_money(amount, context.settings.business.currency) for amount in (brought.low, brought.high))
    return tr("{low} to {high}", low=low, high=high)


def _money(amount: float, currency: str) -> str:
    return money(amount, currency, cents=False).replace("-", "\u2212")  # the true minus sign


def stale_words(reason: str | None) -> str:
    """Return why the scores are out of date, in words: a rule's name becomes what it demands."""
    if not reason:
        return tr("The last run was refused")
    rule, separator, finding = reason.partition(": ")
    if separator and rule.replace("_", "").isalnum() and "_" in rule:
        return tr(
            "The data broke the rule “{rule}”: {finding}",
            rule=rule.replace("_", " "),
            finding=recorded(finding.rstrip(".")),
        )
    return recorded(reason.rstrip("."))


def _days(age: timedelta) -> str:
    hours = round(age.total_seconds() / 3600)
    return tr("{days} days", days=age.days) if age.days >= 2 else tr("{hours} hours", hours=hours)


def headline(overview: Overview, currency: str) -> str:
    """Return the state of things in one or two sentences; empty where there is nothing to tell yet."""
    parts = []
    if overview.churn is not None:
        churn, target = overview.churn, percent(overview.churn.target)
        gap = abs(round(100 * churn.gap, 1))
        if not gap:
            against = tr("right at the target of {target}", target=target)
        elif churn.gap > 0:
            against = tr("{gap} points above the target of {target}", gap=decimal(gap, 1), target=target)
        else:
            against = tr("{gap} points below the target of {target}", gap=decimal(gap, 1), target=target)
        rate = percent(churn.latest.churn_rate, 1)
        month = month_name(churn.latest.month)
        parts.append(tr("In {month}, {rate} of customers left, {against}.", month=month, rate=rate, against=against))
    if overview.saved is not None:
        saved = overview.saved
        low, high = _money(saved.low, currency), _money(saved.high, currency)
        amount = _money(abs(saved.value), currency)
        doubt = tr(" The effect is not proven yet.") if saved.low <= 0 < saved.high else ""
        if saved.value >= 0:
            earned = tr(
                "Campaigns earned {amount} net so far, between {low} and {high}.", amount=amount, low=low, high=high
            )
        else:
            earned = tr(
                "Campaigns lost {amount} net so far, between {low} and {high}.", amount=amount, low=low, high=high
            )
        parts.append(earned + doubt)
    return " ".join(parts)
