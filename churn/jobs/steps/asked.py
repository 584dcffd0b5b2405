"""The jobs that people and systems ask for: one workflow each, with what was asked as its parameters."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from churn.context import Context
from churn.errors import ConfigError
from churn.jobs.notify.report_mail import mail_report
from churn.jobs.outcome import StepOutcome
from churn.store.records import ScheduledRun
from churn.workflows.explore import explore_data
from churn.workflows.measure.measure import measure_campaign
from churn.workflows.monitor.monitor import monitor_model
from churn.workflows.plan.plan import plan_campaigns
from churn.workflows.plan.request import PlanRequest
from churn.workflows.report.publish import publish_report
from churn.workflows.score import score_customers
from churn.workflows.sync.sync import Options, sync_crm
from churn.workflows.sync.sync import withdraw as take_back
from churn.workflows.train import train_model


def train(context: Context, run: ScheduledRun) -> StepOutcome:
    """Train every candidate and register the winner."""
    found = train_model(context, promote=bool(run.parameters.get("promote")), who=run.requested_by)
    role = "serves from now on" if found.is_champion else "waits as challenger"
    return StepOutcome(found.counts.get("rows"), f"{found.version} was trained and {role}.")


def score(context: Context, run: ScheduledRun) -> StepOutcome:
    """Score one date."""
    (found,) = score_customers(context, snapshot_date=_day(run, "date"))
    told = f"{found.customers:,} customers scored as of {found.snapshot_date} by {found.model_version}."
    return StepOutcome(found.customers, told)


def explore(context: Context, run: ScheduledRun) -> StepOutcome:
    """Explore the data: profile, insights, page."""
    document = explore_data(context, on=_day(run, "date")).document
    return StepOutcome(document["rows"], f"{document['headline']} {document['tally']}")


def plan(context: Context, run: ScheduledRun) -> StepOutcome:
    """Plan campaigns together."""
    budget = run.parameters.get("budget")
    request = PlanRequest(
        campaigns=tuple(run.parameters.get("campaigns", ())),
        snapshot_date=_day(run, "date"),
        budget=None if budget is None else Decimal(str(budget)),
    )
    planned = plan_campaigns(context, request).assignments
    added = planned.filter("is_new")
    held = added.filter(added["arm"] == "holdout").height
    names = ", ".join(sorted(set(planned["campaign"]))) or "nobody"
    return StepOutcome(added.height, f"{names}: {added.height - held:,} to contact, {held:,} held out.")


def sync(context: Context, run: ScheduledRun) -> StepOutcome:
    """Push a campaign, or the risk list, to a CRM; a dry run only says what it would do."""
    options = Options(is_dry=bool(run.parameters.get("dry_run")), who=run.requested_by)
    found = sync_crm(context, run.parameters["campaign"], connector=run.parameters.get("connector"), options=options)
    return _pushed(found)


def withdraw(context: Context, run: ScheduledRun) -> StepOutcome:
    """Take a campaign back out of a CRM."""
    return _pushed(take_back(context, run.parameters["campaign"], run.parameters["connector"], who=run.requested_by))


def _pushed(found: Any) -> StepOutcome:
    told = ", ".join(f"{count:,} {name}" for name, count in found.report.counts.items() if count and name != "skipped")
    is_dry = found.report.preview is not None
    would = "A dry run, nothing was written: " if is_dry else ""
    return StepOutcome(found.list_size, f"{would}{found.campaign} to {found.connector}: {told or 'nothing to change'}.")


def measure(context: Context, run: ScheduledRun) -> StepOutcome:
    """Measure what a campaign caused."""
    document = measure_campaign(context, run.parameters["campaign"], so_far=bool(run.parameters.get("so_far"))).document
    return StepOutcome(
        sum(int(arm["assigned"]) for arm in document["arms"].values()), str(document["words"]["headline"])
    )


def monitor(context: Context, run: ScheduledRun) -> StepOutcome:
    """Look for drift and decay as of a day."""
    document = monitor_model(context, _day(run, "date")).document
    return StepOutcome(len(document.findings), document.summary)


def report(context: Context, run: ScheduledRun) -> StepOutcome:
    """Write the report of a month, that asked for or the one before the date of the run, and mail it to who is named."""
    month = run.parameters.get("month")
    if month is None and run.logical_date is not None:
        month = f"{run.logical_date.replace(day=1) - timedelta(days=1):%Y-%m}"
    found = publish_report(context, month, language=run.parameters.get("language", "en"))
    mailed = mail_report(context, found)
    names = ", ".join(sorted(path.name for path in found.files.values()))
    told = f"The report of {found.month} is written: {names}."
    return StepOutcome(None, f"{told} Mailed to {mailed}." if mailed else told)


def _day(run: ScheduledRun, name: str) -> date | None:
    text = run.parameters.get(name)
    try:
        return date.fromisoformat(text) if text else None
    except ValueError as error:
        raise ConfigError(
            f"`{text}` is not a date", where=f"job {run.job}, {name}", remedy="Write it as YYYY-MM-DD."
        ) from error
