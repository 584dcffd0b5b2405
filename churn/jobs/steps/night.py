"""The steps of the night: each may be done twice with the same result, and says in a sentence what it did."""

from __future__ import annotations

from churn.context import Context
from churn.errors import ConfigError
from churn.jobs.job import StepFailed, StepResult
from churn.jobs.notify.alarms import tell_mirror, tell_publication
from churn.jobs.parameters import flag_of
from churn.store.service_records import ScheduledRun
from churn.workflows.keep_campaigns import (
    Kept,
    plan_programmes,
    pull_all_outcomes,
    remeasure_campaigns,
    replan_campaigns,
    resync_campaigns,
)
from churn.workflows.mirror import CATCH_UP_SECONDS, mirror_if_configured
from churn.workflows.monitor import monitor_model
from churn.workflows.publish import publish_tables
from churn.workflows.refresh import check_data, refresh_warehouse
from churn.workflows.score import score_customers

BACKFILL = "is_backfill"  # the parameter of a night that is worked long after its date
_PAST = StepResult(None, "Skipped: a past night is only scored, nobody is contacted for it.", is_skipped=True)


def refresh(context: Context, run: ScheduledRun) -> StepResult:
    """Load what is new and rebuild staging."""
    del run
    loads = refresh_warehouse(context).loads
    rows = sum(load.rows for load in loads)
    files = sum(load.files_loaded for load in loads)
    rejected = sum(load.rejected for load in loads)
    sentence = f"{rows:,} rows loaded from {files:,} new or changed files of {len(loads)} sources"
    return StepResult(rows, sentence + (f", {rejected:,} rejected." if rejected else "."))


def checks(context: Context, run: ScheduledRun) -> StepResult:
    """Run the quality rules as of the night; a blocking one stops it, and the list in use stays, marked stale.

    Scores are of the day after the newest fact, and would look fresh by themselves if nothing was delivered for weeks.
    """
    review = check_data(context, run.logical_date or context.today)
    warns = [check.rule for check in review.checks if check.defect_count]
    sentence = f"{len(review.checks)} rules hold as of {review.snapshot_date}"
    if warns:
        sentence = f"{len(review.checks) - len(warns)} of {sentence}; {len(warns)} warn: {', '.join(warns)}"
    return StepResult(len(review.checks), f"{sentence}.")


def score(context: Context, run: ScheduledRun) -> StepResult:
    """Score every customer and publish the list."""
    (scored,) = score_customers(context, snapshot_date=run.logical_date if _is_past(run) else None)
    high = sum(scored.bands.get(band, 0) for band in ("high", "critical"))
    sentence = f"{scored.customers:,} customers scored as of {scored.snapshot_date} by {scored.model_version}"
    kept = "" if scored.is_published else "; the list in use is newer and stays"
    return StepResult(scored.customers, f"{sentence}: {high:,} at high or critical risk{kept}.")


def plan(context: Context, run: ScheduledRun) -> StepResult:
    """Add customers to the campaigns that run, and plan the programmes that are due."""
    if _is_past(run):
        return _PAST
    if not context.settings.schedule.plans_campaigns:
        return StepResult(None, "Skipped: [schedule] plans_campaigns is off.", is_skipped=True)
    kept = replan_campaigns(context).and_also(plan_programmes(context))
    return _result(kept, "no campaign runs and no programme is due")


def sync(context: Context, run: ScheduledRun) -> StepResult:
    """Push to the CRMs."""
    return _PAST if _is_past(run) else _result(resync_campaigns(context), "nothing was ever pushed")


def outcomes(context: Context, run: ScheduledRun) -> StepResult:
    """Ask the CRMs what became of the contacts."""
    return _PAST if _is_past(run) else _result(pull_all_outcomes(context), "nothing was ever pushed")


def measure(context: Context, run: ScheduledRun) -> StepResult:
    """Measure the campaigns that are not measured for good."""
    return _PAST if _is_past(run) else _result(remeasure_campaigns(context), "no campaign waits to be measured")


def monitor(context: Context, run: ScheduledRun) -> StepResult:
    """Look for drift and decay; alerts follow from what is found, and a training where the policy asks for one."""
    if _is_past(run):
        return _PAST
    document = monitor_model(context).document
    trained = f" {document.trained} was trained." if document.trained else ""
    promoted = f" {document.promoted} serves from now on." if document.promoted else ""
    return StepResult(len(document.findings), f"{document.summary}{trained}{promoted}")


def publish(context: Context, run: ScheduledRun) -> StepResult:
    """Publish the tables for SQL and BI; a place that takes none is an alert, and gets them the next night."""
    if _is_past(run):
        return _PAST
    result = publish_tables(context)
    tell_publication(context, result.copies)
    copied = [f"{copy.rows:,} rows to {copy.place}" for copy in result.copies if copy.error is None]
    failed = [f"not to {copy.place}: {copy.error}" for copy in result.copies if copy.error is not None]
    sentence = f"{len(result.tables.tables)} tables published"
    return StepResult(sum(table.rows for table in result.tables.tables), f"{'; '.join([sentence, *copied, *failed])}.")


def mirror(context: Context, run: ScheduledRun) -> StepResult:
    """Write to MLflow what it lacks; a server that is away is an alert, and gets it the next night."""
    if _is_past(run):
        return _PAST
    result = mirror_if_configured(context, seconds=CATCH_UP_SECONDS)
    if result is None:
        return StepResult(None, "Skipped: [mlflow] names no server.", is_skipped=True)
    tell_mirror(context, result)
    return StepResult(len(result.mirrored), result.sentence)


def _is_past(run: ScheduledRun) -> bool:
    is_past = flag_of(run, BACKFILL)
    if is_past and run.logical_date is None:
        raise ConfigError("a backfill needs a date", where=f"job {run.job}")
    return is_past


def _result(kept: Kept, nothing: str) -> StepResult:
    sentence = "; ".join(kept.phrases)
    if kept.failures:
        raise StepFailed(sentence, kept.rows, kept.failures)
    if not sentence:
        return StepResult(None, f"Nothing to do: {nothing}.", is_skipped=True)
    return StepResult(kept.rows, f"{sentence}.")
