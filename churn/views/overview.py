"""Says how things stand: churn against its target, money at risk and saved, what is healthy, and what to do next."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from churn.context import Context
from churn.views.campaign_standing import BroughtProfit, CampaignRow, campaign_rows
from churn.views.home import is_demo_home
from churn.views.quality import read_quality
from churn.views.serving_files import read_summary
from churn.wording import count, day, instant, money, percent

if TYPE_CHECKING:
    from churn.store import ModelVersion, ScoreRun, Store

OLD_DATA = timedelta(hours=36)  # a nightly run was missed
OLD_MODEL = timedelta(days=120)
SHOWN_TODOS: Final = 4


def overview(context: Context) -> dict[str, Any]:
    """Return what the front page tells.

    Keys: run, today (a simulated company's clock stands where its data end), churn (see `churn_of`), risk (the run's
    summary), saved (see `saved_of`), health (rows of name, kind, words, detail, address), alerts (open ones, worst
    first), todo (rows of text, why, address, label; the most urgent first), model.
    """
    with context.open_store() as store:
        run = store.published.current_run()
        today = _today(context, run)
        summary = read_summary(context.settings.home, run.run_id) if run else None
        campaigns = campaign_rows(context)
        model = store.models.champion()
        brought = [row.realised for row in campaigns if row.realised is not None]
        waiting = sum(1 for row in campaigns if row.stage in {"running", "due"})
        churn, saved = churn_of(summary, context.settings.business.churn_target), saved_of(brought, waiting)
        alerts = _alerts(store)
        health = [
            _data_health(run, today, is_still=is_demo_home(context.settings.home)),
            _quality_health(read_quality(context.settings.home)),
            _model_health(store, model, today),
            _sync_health(campaigns),
            _night_health(store),
        ]
    todo = _todo(context, run, summary, campaigns, health, has_alerts=bool(alerts))
    return {
        "run": run,
        "today": today,
        "churn": churn,
        "risk": summary,
        "saved": saved,
        "health": health,
        "alerts": alerts,
        "todo": todo[:SHOWN_TODOS],
        "model": model,
    }


def churn_of(summary: Mapping[str, Any] | None, target: float) -> dict[str, Any] | None:
    """Return monthly churn against `target`: months (oldest first), latest, before (the month before), gap, excess.

    `gap` is the latest rate minus the target. `excess` is the monthly revenue lost beyond what the target would have
    cost, at the mean revenue of those lost; 0 where the target is met. None where no whole month is known.
    """
    months: Sequence[Mapping[str, Any]] = summary["months"] if summary else ()
    if not months:
        return None
    latest = months[-1]
    rate = latest["churn_rate"]
    gap = rate - target
    excess = latest["monthly_revenue_lost"] * gap / rate if rate > 0 and gap > 0 else 0.0
    return {
        "months": list(months),
        "latest": latest,
        "before": months[-2] if len(months) > 1 else None,
        "target": target,
        "gap": gap,
        "excess": excess,
    }


def saved_of(brought: Sequence[BroughtProfit], waiting: int) -> dict[str, Any] | None:
    """Return net profit caused by all campaigns that have been measured: value, low, high, saves, measured, waiting.

    `waiting` is how many campaigns run and are not measured yet.

    The campaigns' customers differ, so their errors are independent: the distances from value to each bound of the
    95 % intervals add up in quadrature. None before the first measurement.
    """
    if not brought:
        return None
    value = sum(profit.value for profit in brought)
    return {
        "value": value,
        "low": value - math.hypot(*(profit.value - profit.low for profit in brought)),
        "high": value + math.hypot(*(profit.high - profit.value for profit in brought)),
        "saves": sum(profit.saves.value for profit in brought),
        "measured": len(brought),
        "waiting": waiting,
    }


def _today(context: Context, run: ScoreRun | None) -> datetime:
    now = context.clock()
    return run.data_cutoff if run is not None and is_demo_home(context.settings.home) else now


def _alerts(store: Store) -> list[Any]:
    order = {"critical": 0, "warning": 1, "info": 2}
    return sorted(store.alerts.open(), key=lambda alert: (order[alert.severity], -alert.alert_id))


def _data_health(run: ScoreRun | None, today: datetime, *, is_still: bool) -> dict[str, Any]:
    row = {"name": "Scores and data", "address": "/jobs"}
    if run is None:
        return row | {"kind": "off", "words": "No scores yet", "detail": "Nothing has been scored."}
    reach = f"The data reach until {instant(run.data_cutoff)}"
    if run.is_stale:
        return row | {"kind": "act", "words": "Out of date", "detail": f"{stale_words(run.stale_reason)}."}
    age = today - run.data_cutoff
    if not is_still and age > OLD_DATA:
        return row | {"kind": "act", "words": f"{_days(age)} old", "detail": f"{reach}; nothing newer has arrived."}
    return row | {"kind": "ok", "words": "Up to date", "detail": f"{reach}; {count(run.customers)} customers scored."}


def _quality_health(quality: Mapping[str, Any] | None) -> dict[str, Any]:
    row = {"name": "Data quality", "address": "/jobs#quality"}
    if quality is None or not quality["checks"]:
        return row | {"kind": "off", "words": "Not checked yet", "detail": "The rules run with the next load."}
    failed = [check for check in quality["checks"] if check["defect_count"]]
    blocking = [check for check in failed if check["level"] == "block"]
    if blocking:
        return row | {"kind": "act", "words": f"{len(blocking)} blocking", "detail": blocking[0]["message"]}
    if failed:
        words = f"{len(failed)} {'rule finds' if len(failed) == 1 else 'rules find'} defects"
        return row | {"kind": "watch", "words": words, "detail": failed[0]["message"]}
    return row | {"kind": "ok", "words": "Clean", "detail": f"All {len(quality['checks'])} rules hold."}


def _model_health(store: Store, model: ModelVersion | None, today: datetime) -> dict[str, Any]:
    row = {"name": "Model", "address": "/model"}
    if model is None:
        return row | {"kind": "off", "words": "No model yet", "detail": "It is trained from what happened before."}
    watched = store.monitoring.latest()
    if watched is not None and watched.model_version == model.version and watched.severity in {"watch", "act"}:
        gravest = next((f for f in watched.findings if f.severity == watched.severity), None)
        sentence = gravest.sentence if gravest else "The monitors ask for a look."
        words = "Act" if watched.severity == "act" else "Watch"
        return row | {"kind": watched.severity, "words": words, "detail": sentence}
    age, metrics = today - model.created_at, model.metrics
    detail = f"{metrics.title if metrics else model.kind}, trained {day(model.created_at)}"
    if metrics and metrics.lift:
        detail += f"; its top tenth holds {metrics.lift:.1f} times as many leavers as chance would"
    if metrics and not metrics.is_calibrated:
        return row | {"kind": "watch", "words": "Not calibrated", "detail": f"{detail}."}
    if age > OLD_MODEL:
        return row | {"kind": "watch", "words": f"{_days(age)} old", "detail": f"{detail}."}
    return row | {"kind": "ok", "words": "Reliable", "detail": f"{detail}."}


def _sync_health(campaigns: Sequence[CampaignRow]) -> dict[str, Any]:
    row = {"name": "CRM", "address": "/campaigns"}
    pushed = [campaign for campaign in campaigns if campaign.sync.state is not None]
    if not pushed:
        return row | {"kind": "off", "words": "Nothing pushed yet", "detail": "Plan a campaign, then push its list."}
    for kind in ("act", "watch", "run"):
        first = next((campaign for campaign in pushed if campaign.sync.kind == kind), None)
        if first is not None:
            return row | {"kind": kind, "words": first.sync.words, "detail": f"{first.title}."}
    newest = max(campaign.sync.last_at for campaign in pushed if campaign.sync.last_at is not None)
    detail = f"{len(pushed)} {'campaign' if len(pushed) == 1 else 'campaigns'} pushed, last on {day(newest)}."
    return row | {"kind": "ok", "words": "In step", "detail": detail}


def _night_health(store: Store) -> dict[str, Any]:
    row = {"name": "Nightly run", "address": "/jobs"}
    night = store.jobs.latest("nightly")
    if night is None:
        detail = "It runs by itself once the scheduler does, or on request."
        return row | {"kind": "off", "words": "Never ran", "detail": detail}
    at = night.finished_at or night.started_at or night.requested_at
    if night.state == "failed":
        return row | {"kind": "act", "words": "Failed", "detail": night.error or f"It stopped on {day(at)}."}
    if night.state == "missed":
        return row | {"kind": "watch", "words": "Missed", "detail": f"The run of {night.logical_date} did not happen."}
    if night.is_under_way:
        step = night.step.name.replace("_", " ") if night.step else "waiting"
        return row | {"kind": "run", "words": "At work", "detail": f"It stands at: {step}."}
    done = sum(step.state == "done" for step in night.steps)
    return row | {"kind": "ok", "words": "Done", "detail": f"{done} steps on {instant(at)}."}


def _todo(
    context: Context,
    run: ScoreRun | None,
    summary: Mapping[str, Any] | None,
    campaigns: Sequence[CampaignRow],
    health: Sequence[Mapping[str, Any]],
    *,
    has_alerts: bool,
) -> list[dict[str, str]]:
    """Return what a marketer should do, the most urgent first."""
    found = [
        _task(f"Look at {row['name'].lower()}: {row['words'].lower()}", str(row["detail"]), str(row["address"]), "Look")
        for row in health
        if row["kind"] == "act" and not has_alerts
    ]
    for campaign in campaigns:
        title, address = campaign.title, f"/campaigns/{campaign.name}"
        if campaign.stage == "harms":
            found.append(_task(f"Stop “{title}”", "It drives customers away.", address, "Open"))
        elif campaign.stage == "due":
            found.append(_task(f"Measure “{title}”", "Its outcomes are in.", address, "Open"))
        elif campaign.stage == "planned":
            people = count(campaign.treatment)
            found.append(_task(f"Push “{title}”", f"{people} customers are planned and wait.", address, "Open"))
    if run is not None and summary is not None and summary["listed"]:
        loss = _money(summary["listed_expected_loss"], context.settings.business.currency)
        why = f"About {loss} of monthly revenue is expected to leave with them within {summary['horizon_days']} days."
        text = f"Decide about {count(summary['listed'])} customers at high or critical risk"
        found.append(_task(text, why, "/risk-list", "Open the list"))
        found.append(
            _task(
                "Find the threshold that pays",
                "How far down the list contacting still earns money.",
                "/simulator",
                "Simulate",
            )
        )
    found += [
        _task(f"Plan “{campaign.title}”", "It has not been planned yet.", f"/campaigns/{campaign.name}", "Open")
        for campaign in campaigns
        if campaign.stage == "new" and run is not None
    ]
    found += [
        _task(
            f"Improve or end “{campaign.title}”",
            f"Measured: its effect is not proven ({_range(context, campaign.realised)}).",
            f"/campaigns/{campaign.name}",
            "Open",
        )
        for campaign in campaigns
        if campaign.stage == "measured" and campaign.realised and campaign.realised.verdict != "works"
    ]
    return found


def _task(text: str, why: str, address: str, label: str) -> dict[str, str]:
    return {"text": text, "why": why, "address": address, "label": label}


def _range(context: Context, brought: BroughtProfit) -> str:
    low, high = (_money(amount, context.settings.business.currency) for amount in (brought.low, brought.high))
    return f"{low} to {high}"


def _money(amount: float, currency: str) -> str:
    return money(amount, currency, cents=False).replace("-", "\u2212")  # the true minus sign


def stale_words(reason: str | None) -> str:
    """Return why the scores are out of date, in words: a rule's name becomes what it demands."""
    if not reason:
        return "The last run was refused"
    rule, separator, found = reason.partition(": ")
    if separator and rule.replace("_", "").isalnum() and "_" in rule:
        return f"The data broke the rule “{rule.replace('_', ' ')}”: {found.rstrip('.')}"
    return reason.rstrip(".")


def _days(age: timedelta) -> str:
    return f"{age.days} days" if age.days >= 2 else f"{round(age.total_seconds() / 3600)} hours"


def headline(told: Mapping[str, Any], currency: str) -> str:
    """Return the state of things in one or two sentences; empty where there is nothing to tell yet."""
    churn, saved = told["churn"], told["saved"]
    parts = []
    if churn is not None:
        month = date.fromisoformat(churn["latest"]["month"])
        target = percent(churn["target"])
        side = "above" if churn["gap"] > 0 else "below"
        gap = abs(round(100 * churn["gap"], 1))
        against = f"{gap} points {side} the target of {target}" if gap else f"right at the target of {target}"
        parts.append(f"In {month:%B}, {percent(churn['latest']['churn_rate'], 1)} of customers left, {against}.")
    if saved is not None:
        low, high = (_money(saved[end], currency) for end in ("low", "high"))
        verb = "earned" if saved["value"] >= 0 else "lost"
        amount = _money(abs(saved["value"]), currency)
        doubt = "" if saved["low"] > 0 else " The effect is not proven yet." if saved["high"] > 0 else ""
        parts.append(f"Campaigns {verb} {amount} net so far, between {low} and {high}.{doubt}")
    return " ".join(parts)
