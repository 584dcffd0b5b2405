"""Raises alerts about jobs and the freshness of scores, and ends them when things are well again."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from churn.context import Context
from churn.errors import ChurnError, QualityBlocked
from churn.jobs.job import Job
from churn.store.records import AlertSeverity
from churn.store.service_records import ScheduledRun
from churn.workflows.mirror import MirrorResult
from churn.workflows.publish import Copied

FAILED: Final = "job_failed"
BLOCKED: Final = "data_blocked"
MISSED: Final = "job_missed"
STALE: Final = "scores_stale"
UNPUBLISHED: Final = "publish_failed"
UNMIRRORED: Final = "mlflow_behind"
_LIST: Final = "risk list"


def raise_failed(context: Context, run: ScheduledRun, job: Job, words: str, errors: Sequence[ChurnError]) -> None:
    """Alert that a run failed; of a job asked for by hand whoever asked sees it, so that alert is only shown."""
    is_blocked = any(isinstance(error, QualityBlocked) for error in errors)
    when = f" of {run.logical_date}" if run.logical_date else ""
    message = f"The {job.name} run{when} failed at {words}"
    severity: AlertSeverity = "critical" if job.is_dated else "info"
    with context.open_store() as store:
        store.alerts.raise_(BLOCKED if is_blocked else FAILED, job.name, severity, message, context.clock())


def resolve_done(context: Context, run: ScheduledRun) -> None:
    """End the alerts that said that this job fails."""
    with context.open_store() as store:
        for kind in (FAILED, BLOCKED, MISSED):
            store.alerts.resolve(kind, run.job, context.clock())


def raise_missed(context: Context, job: Job, words: str) -> None:
    """Alert that runs of a job did not take place."""
    with context.open_store() as store:
        store.alerts.raise_(MISSED, job.name, "warning", words, context.clock())


def tell_publication(context: Context, copies: Sequence[Copied]) -> None:
    """Alert for each place that the published tables could not be copied to, and end the alert where they were."""
    with context.open_store() as store:
        for copy in copies:
            if copy.error is None:
                store.alerts.resolve(UNPUBLISHED, copy.place, context.clock())
            else:
                message = (
                    f"The tables for BI were not copied to {copy.place} and are those of an earlier night: {copy.error}"
                )
                store.alerts.raise_(UNPUBLISHED, copy.place, "warning", message, context.clock())


def tell_mirror(context: Context, result: MirrorResult) -> None:
    """Alert that MLflow lacks what is new, and end the alert once it has it."""
    with context.open_store() as store:
        if result.error is None:
            store.alerts.resolve(UNMIRRORED, result.place, context.clock())
        else:
            store.alerts.raise_(UNMIRRORED, result.place, "info", result.sentence, context.clock())


def watch_freshness(context: Context) -> None:
    """Alert when the list in use is marked stale or older than [alerts] allows, and end the alert when it is not."""
    now = context.in_company_time().clock()
    alerts = context.settings.alerts
    limit, data_limit = (timedelta(hours=hours) for hours in (alerts.stale_after_hours, alerts.data_stale_after_hours))
    with context.open_store() as store:
        run = store.scores.current_run()
        if run is None:
            return
        age = now - run.scored_at
        if run.is_stale:
            message = f"The list of {run.snapshot_date} is stale: {run.stale_reason}"
        elif age > limit:
            message = f"The list in use was scored on {run.scored_at:%Y-%m-%d %H:%M} UTC, {_hours(age)} ago"
        elif now - run.data_cutoff > data_limit:
            message = (
                f"The list in use knows nothing after {run.data_cutoff:%Y-%m-%d %H:%M} UTC: nothing newer was delivered"
            )
        else:
            store.alerts.resolve(STALE, _LIST, context.clock())
            return
        store.alerts.raise_(STALE, _LIST, "warning", message, context.clock())


def _hours(age: timedelta) -> str:
    return f"{age / timedelta(hours=1):,.0f} hours"
