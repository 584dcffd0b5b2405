"""The steps of the night: each may be done twice with the same result, and says in a sentence what it did."""

from __future__ import annotations

from churn.context import Context
from churn.errors import ConfigError
from churn.jobs.outcome import StepFailed, StepOutcome
from churn.store.records import ScheduledRun
from churn.workflows.keep_campaigns import (
    Kept,
    pull_all_outcomes,
    remeasure_campaigns,
    replan_campaigns,
    resync_campaigns,
)
from churn.workflows.monitor.monitor import monitor_model
from churn.workflows.refresh.check import check_data
from churn.workflows.refresh.refresh import refresh_warehouse
from churn.workflows.score import score_customers

BACKFILL = "is_backfill"  # the parameter of a night that is worked long after its date
_PAST = StepOutcome(None, "Skipped: a past night is only scored, nobody is contacted for it.", is_skipped=True)


def refresh(context: Context, run: ScheduledRun) -> StepOutcome:
    """Load what is new and rebuild staging."""
    del run
    found = refresh_warehouse(context)
    rows = sum(load.rows for load in found.loads)
    files = sum(load.files_loaded for load in found.loads)
    rejected = sum(load.rejected for load in found.loads)
    told = f"{rows:,} rows loaded from {files:,} new or changed files of {len(found.loads)} sources"
    return StepOutcome(rows, told + (f", {rejected:,} rejected." if rejected else "."))


def checks(context: Context, run: ScheduledRun) -> StepOutcome:
    """Run the quality rules as of the night; a blocking one stops it, and the list in use stays, marked stale.

    Scores are of the day after the newest fact, and would look fresh by themselves if nothing was delivered for weeks.
    """
    found = check_data(context, run.logical_date or context.today)
    warns = [check.rule for check in found.checks if check.defect_count]
    told = f"{len(found.checks)} rules hold as of {found.snapshot_date}"
    if warns:
        told = f"{len(found.checks) - len(warns)} of {told}; {len(warns)} warn: {', '.join(warns)}"
    return StepOutcome(len(found.checks), f"{told}.")


def score(context: Context, run: ScheduledRun) -> StepOutcome:
    """Score every customer and publish the list."""
    (found,) = score_customers(context, snapshot_date=run.logical_date if _is_past(run) else None)
    high = sum(found.bands.get(band, 0) for band in ("high", "critical"))
    told = f"{found.customers:,} customers scored as of {found.snapshot_date} by {found.model_version}"
    is_kept = "" if found.is_published else "; the list in use is newer and stays"
    return StepOutcome(found.customers, f"{told}: {high:,} at high or critical risk{is_kept}.")


def plan(context: Context, run: ScheduledRun) -> StepOutcome:
    """Add customers to the campaigns that run."""
    if _is_past(run):
        return _PAST
    if not context.settings.schedule.plans_campaigns:
        return StepOutcome(None, "Skipped: [schedule] plans_campaigns is off.", is_skipped=True)
    return _outcome(replan_campaigns(context), "no campaign runs")


def sync(context: Context, run: ScheduledRun) -> StepOutcome:
    """Push to the CRMs."""
    return _PAST if _is_past(run) else _outcome(resync_campaigns(context), "nothing was ever pushed")


def outcomes(context: Context, run: ScheduledRun) -> StepOutcome:
    """Ask the CRMs what became of the contacts."""
    return _PAST if _is_past(run) else _outcome(pull_all_outcomes(context), "nothing was ever pushed")


def measure(context: Context, run: ScheduledRun) -> StepOutcome:
    """Measure the campaigns that are not measured for good."""
    return _PAST if _is_past(run) else _outcome(remeasure_campaigns(context), "no campaign waits to be measured")


def monitor(context: Context, run: ScheduledRun) -> StepOutcome:
    """Look for drift and decay; alerts follow from what is found, and a training where the policy asks for one."""
    if _is_past(run):
        return _PAST
    document = monitor_model(context).document
    trained = f" {document.trained} was trained." if document.trained else ""
    promoted = f" {document.promoted} serves from now on." if document.promoted else ""
    return StepOutcome(len(document.findings), f"{document.summary}{trained}{promoted}")


def _is_past(run: ScheduledRun) -> bool:
    if run.parameters.get(BACKFILL) and run.logical_date is None:
        raise ConfigError("a backfill needs a date", where=f"job {run.job}")
    return bool(run.parameters.get(BACKFILL))


def _outcome(kept: Kept, nothing: str) -> StepOutcome:
    told = "; ".join(kept.told)
    if kept.failures:
        raise StepFailed(told, kept.rows, kept.failures)
    if not told:
        return StepOutcome(None, f"Nothing to do: {nothing}.", is_skipped=True)
    return StepOutcome(kept.rows, f"{told}.")
