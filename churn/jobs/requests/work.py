"""Queues what is asked for, and says how far it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from churn.context import Context
from churn.store.service_records import JobParameterValue, ScheduledRun


@dataclass(frozen=True)
class RequestedWork:
    """Runs that were asked for. `is_under_way`: one is not done yet; `is_alone`: and no scheduler is there to work it."""

    runs: tuple[ScheduledRun, ...]
    is_under_way: bool
    is_alone: bool


def queue_run(context: Context, job: str, parameters: Mapping[str, JobParameterValue], *, who: str) -> ScheduledRun:
    """Queue a run of `job`, or return the one under way."""
    with context.open_store() as store:
        run = store.jobs.request(job, parameters=parameters, requested_by=who, at=context.clock())
    context.log.note("job_requested", job=job, run_id=run.run_id)
    return run


def work_on(context: Context, runs: Sequence[ScheduledRun]) -> RequestedWork:
    """Return the runs, whether any is under way, and whether anybody is there to work on them."""
    is_under_way = any(run.is_under_way for run in runs)
    with context.open_store() as store:
        workers = store.schedule.workers(context.clock()) if is_under_way else []
    return RequestedWork(tuple(runs), is_under_way, is_under_way and not workers)
