"""Runs a job at once in this process, unless a scheduler claims it first."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from churn.context import Context
from churn.errors import ChurnError, ConfigError, StoreBusy, Unreachable
from churn.jobs.catalog import job_named
from churn.jobs.notify.alarms import watch_freshness
from churn.jobs.notify.alert_sender import AlertSender
from churn.jobs.notify.event_sender import EventSender
from churn.jobs.processes import owner_name
from churn.jobs.runner import Runner
from churn.jobs.steps.night import BACKFILL
from churn.jobs.today import logical_day
from churn.store.repositories.jobs import key_of
from churn.store.service_records import ScheduledRun

_LOOK_EVERY = 1.0
MOST_NIGHTS = 1_000


@dataclass(frozen=True)
class Worked:
    """A run as it ended; `was_done` when it had been worked before, `errors` of the last attempt if it was ours."""

    run: ScheduledRun
    was_done: bool
    errors: tuple[ChurnError, ...]


def request_run(
    context: Context,
    name: str,
    *,
    day: date | None = None,
    parameters: Mapping[str, object] | None = None,
    requested_by: str,
    again: bool = False,
) -> ScheduledRun:
    """Queue a run of a job, or return the one that is there. A dated job is of its company's today if no day is given.

    A night that is asked for after its day is only scored: nobody is contacted for the past. `again` queues a dated
    run that is done once more. Raises NotFound for an unknown job, ConfigError for wrong parameters or a day to come.
    """
    job = job_named(name)
    checked = job.checked(parameters or {})
    today = logical_day(context)
    if day is not None and not job.is_dated:
        raise ConfigError("runs as of now, not for a date", where=f"job {name}", remedy="Leave --date out.")
    if day is not None and day > today:
        raise ConfigError(f"{day} lies in the future", where="--date", remedy=f"Today is {today}.")
    run_key = None
    if job.is_dated:
        if day is not None and day < today and BACKFILL in job.parameters:
            checked[BACKFILL] = True
        day = day or today
        run_key = key_of(name, day, {})
    at = context.clock()
    with context.open_store() as store:
        if again and run_key is not None:
            run_key = f"{run_key}/again {at.isoformat(timespec='seconds')}"
        return store.jobs.request(
            name, logical_date=day, parameters=checked, requested_by=requested_by, at=at, run_key=run_key
        )


def work_now(
    context: Context,
    run: ScheduledRun,
    *,
    tell: Callable[[str], None] = lambda _line: None,
    retries: bool = True,
    sleep: Callable[[float], None] = time.sleep,
) -> Worked:
    """Work a run that was requested, to its end; wait while another one is at work, and between attempts.

    Raises KeyboardInterrupt, the run then canceled, when a person interrupts it.
    """
    if run.state == "done":
        return Worked(run, was_done=True, errors=())
    owner, last_words = owner_name(), ""
    errors: tuple[ChurnError, ...] = ()
    seconds = context.settings.schedule.lease_seconds
    try:
        while run.is_under_way:
            with context.open_store() as store:
                claimed = store.jobs.claim(owner, now=context.clock(), lease_seconds=seconds, run_id=run.run_id)
                busy = next((other for other in store.jobs.list(limit=20) if other.state == "running"), None)
            if claimed is not None:
                runner = Runner(context, owner)
                run = runner.work(claimed)
                errors = tuple(runner.errors)
                if run.state == "queued" and not retries:
                    run = _give_up(context, run)
                continue
            words = _waiting(context, run, busy)
            if words != last_words:
                tell(words)
            last_words = words
            sleep(_LOOK_EVERY)
            with context.open_store() as store:
                run = store.jobs.get(run.run_id) or run
    except KeyboardInterrupt:
        with context.open_store() as store:
            store.jobs.cancel(run.run_id, "the keyboard", context.clock())
        raise
    return Worked(run, was_done=False, errors=errors)


def tell_alerts(context: Context) -> None:
    """Look at the list's freshness and send what waits to be sent, for those who work without a scheduler.

    What does not arrive is sent with the next attempt.
    """
    try:
        watch_freshness(context)
        AlertSender(context).send_due()
        EventSender(context).send_due()
    except (StoreBusy, Unreachable) as error:
        context.log.note("alerts_not_sent", error=error.code)


def _give_up(context: Context, run: ScheduledRun) -> ScheduledRun:
    with context.open_store() as store:
        store.jobs.cancel(run.run_id, f"whoever asked: {run.error}", context.clock())
        return store.jobs.get(run.run_id) or run


def _waiting(context: Context, run: ScheduledRun, busy: ScheduledRun | None) -> str:
    if run.state == "running":
        step = run.step
        return f"Another process works it: {step.name if step else run.job}"
    if run.next_attempt_at is not None and run.next_attempt_at > context.clock():
        return f"Trying again at {run.next_attempt_at:%H:%M:%S} UTC: {run.error}"
    if busy is not None:
        return f"Waiting for run {busy.run_id} ({busy.job}) to end"
    return "Waiting to begin"


def nights(first: date, last: date) -> list[date]:
    """Return the days from `first` to `last`. Raises ConfigError when they are swapped or too many."""
    if first > last:
        raise ConfigError(f"{first} is after {last}", where="--from", remedy="Swap them.")
    count = (last - first).days + 1
    if count > MOST_NIGHTS:
        raise ConfigError(f"{count:,} runs are too many at once", where="--to", remedy=f"{MOST_NIGHTS:,} at most.")
    return [first + timedelta(days=n) for n in range(count)]
