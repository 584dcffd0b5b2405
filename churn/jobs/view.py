"""Jobs and their runs as the command line, the API and the pages show them. Fields stand in the order of the JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Literal

from churn.context import Context
from churn.jobs.catalog import JOBS
from churn.jobs.job import Job, ParameterKind
from churn.jobs.schedule import next_times
from churn.store.service_records import JobParameterValue, JobState, ScheduledRun, StepState

if TYPE_CHECKING:
    from churn.store import Store


@dataclass(frozen=True)
class StepView:
    """One step of a run: `rows` is what it counted, `outcome` a sentence on what it did."""

    name: str
    state: StepState
    started_at: datetime | None
    finished_at: datetime | None
    seconds: float | None
    rows: int | None
    outcome: str | None
    error: str | None


@dataclass(frozen=True)
class RunView:
    """A run with its steps. Instants are UTC, without a zone; `seconds` were spent in its steps."""

    run_id: int
    job: str
    title: str
    logical_date: date | None
    parameters: Mapping[str, JobParameterValue]
    state: JobState
    requested_by: str
    requested_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    seconds: float
    attempts: int
    next_attempt_at: datetime | None
    error: str | None
    steps: tuple[StepView, ...]


@dataclass(frozen=True)
class ParameterView:
    """What may be said when a job is asked for."""

    kind: ParameterKind
    text: str
    is_required: bool


@dataclass(frozen=True)
class JobView:
    """A job: its schedule (five fields of cron; None for one that is only asked for), and how its last run went."""

    name: str
    title: str
    schedule: str | None
    next_at: datetime | None
    scope: Literal["push", "admin"]
    parameters: Mapping[str, ParameterView]
    last_run: RunView | None

    @property
    def needs_no_words(self) -> bool:
        """Whether it can be asked for by a button: no parameter is required."""
        return not any(parameter.is_required for parameter in self.parameters.values())


@dataclass(frozen=True)
class SchedulerView:
    """A scheduler that was at work within the last minutes."""

    name: str
    started_at: datetime
    seen_at: datetime


@dataclass(frozen=True)
class JobsView:
    """Every job, the time zone of the schedule, and the schedulers at work."""

    jobs: tuple[JobView, ...]
    timezone: str
    schedulers: tuple[SchedulerView, ...]


def run_view(run: ScheduledRun) -> RunView:
    """Return a run as it is shown."""
    return RunView(
        run_id=run.run_id,
        job=run.job,
        title=JOBS[run.job].title if run.job in JOBS else run.job,
        logical_date=run.logical_date,
        parameters=run.parameters,
        state=run.state,
        requested_by=run.requested_by,
        requested_at=run.requested_at,
        started_at=run.started_at,
        finished_at=run.finished_at,
        seconds=round(sum(step.seconds or 0.0 for step in run.steps), 3),
        attempts=run.attempts,
        next_attempt_at=run.next_attempt_at,
        error=run.error,
        steps=tuple(
            StepView(
                name=step.name,
                state=step.state,
                started_at=step.started_at,
                finished_at=step.finished_at,
                seconds=step.seconds,
                rows=step.rows,
                outcome=step.outcome,
                error=step.error,
            )
            for step in run.steps
        ),
    )


def jobs_view(context: Context, store: Store) -> JobsView:
    """Return every job, when it is due, how its last run ended, and which schedulers are at work."""
    now = context.clock()
    due = next_times(context.settings, now)
    workers = store.schedule.workers(now)
    return JobsView(
        jobs=tuple(_job_view(context, store, job, due.get(job.name)) for job in JOBS.values()),
        timezone=context.settings.schedule.timezone,
        schedulers=tuple(SchedulerView(worker.owner, worker.started_at, worker.seen_at) for worker in workers),
    )


def _job_view(context: Context, store: Store, job: Job, next_at: datetime | None) -> JobView:
    last = store.jobs.latest(job.name)
    return JobView(
        name=job.name,
        title=job.title,
        schedule=getattr(context.settings.schedule, job.name, None) or None,
        next_at=next_at,
        scope=job.scope,
        parameters={
            name: ParameterView(parameter.kind, parameter.text, parameter.is_required)
            for name, parameter in job.parameters.items()
        },
        last_run=run_view(last) if last else None,
    )
