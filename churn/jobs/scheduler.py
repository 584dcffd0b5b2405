"""Works the schedule: queues what is due, hands each run to a process of its own, sends alerts, until told to stop."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from churn.context import Context
from churn.errors import ChurnError, ResourceError, StoreBusy, Unreachable
from churn.jobs.catalog import job_named
from churn.jobs.notify.alarms import raise_failed, watch_freshness
from churn.jobs.notify.alert_sender import AlertSender
from churn.jobs.notify.event_sender import EventSender
from churn.jobs.runner import wait_before
from churn.jobs.schedule import queue_due
from churn.store.service_records import ScheduledRun

WATCH_SECONDS = 60.0


class WorkerProcess(Protocol):
    """A process that works one run."""

    def poll(self) -> int | None:
        """Return its exit code, None while it is at work."""

    def stop(self, *, at_once: bool) -> None:
        """Ask it to stop at the next step, or end it `at_once`."""


@dataclass
class _AtWork:
    run: ScheduledRun
    worker: WorkerProcess
    began: float
    is_late: bool = False


class Scheduler:
    """One scheduler. `start` begins a process for a claimed run; `tick` is called again and again.

    It holds neither the warehouse nor a model: those live and die with the process of a run.
    """

    def __init__(
        self,
        context: Context,
        owner: str,
        *,
        start: Callable[[ScheduledRun, str], WorkerProcess],
        alert_sender: AlertSender | None = None,
        monotonic: Callable[[], float] = time.monotonic,
        tell: Callable[[str], None] = lambda _line: None,
    ) -> None:
        self._context, self._owner, self._start = context, owner, start
        self._alert_sender = alert_sender or AlertSender(context)
        self._event_sender = EventSender(context)
        self._monotonic, self._tell = monotonic, tell
        self._at_work: _AtWork | None = None
        self._watched: float | None = None
        self._is_away = False

    @property
    def is_idle(self) -> bool:
        """Whether no run is at work here."""
        return self._at_work is None

    def tick(self) -> None:
        """Look once: what is due, what is at work, what is to be told. A store that is away or full is asked again later."""
        try:
            self._look()
        except (StoreBusy, Unreachable, ResourceError) as error:
            if not self._is_away:
                self._tell(f"The store cannot be used, trying again: {error}")
                self._context.log.note("store_away", error=error.code)
            self._is_away = True
        else:
            self._is_away = False

    def _look(self) -> None:
        now = self._context.clock()
        with self._context.open_store() as store:
            store.schedule.seen(self._owner, now)
        for run in queue_due(self._context):
            if run.state in {"queued", "missed"}:
                self._tell(f"{run.job} of {run.logical_date}: {run.state}")
        self._look_after()
        if self._at_work is None:
            self._begin()
        if self._watched is None or self._monotonic() - self._watched >= WATCH_SECONDS:
            self._watched = self._monotonic()
            watch_freshness(self._context)
        self._alert_sender.send_due()
        self._event_sender.send_due()

    def _begin(self) -> None:
        seconds = self._context.settings.schedule.lease_seconds
        with self._context.open_store() as store:
            run = store.jobs.claim(self._owner, now=self._context.clock(), lease_seconds=seconds)
        if run is not None:
            again = f", attempt {run.attempts}" if run.attempts > 1 else ""
            self._tell(f"{run.job}{f' of {run.logical_date}' if run.logical_date else ''}: begins{again}")
            self._at_work = _AtWork(run, self._start(run, self._owner), self._monotonic())

    def _look_after(self) -> None:
        """See whether the run at work has ended; one whose process died is taken up again, one far too late ended."""
        at_work = self._at_work
        if at_work is None:
            return
        schedule = self._context.settings.schedule
        code = at_work.worker.poll()
        if code is None:
            # The process ends itself at its time limit; here is for one that cannot.
            if self._monotonic() - at_work.began > schedule.time_limit_minutes * 60 + 2 * schedule.lease_seconds:
                at_work.is_late = True
                at_work.worker.stop(at_once=True)
            return
        self._at_work = None
        with self._context.open_store() as store:
            run = store.jobs.get(at_work.run.run_id)
            is_ours = run is not None and run.state == "running" and run.lease_owner == self._owner
            if run is not None and is_ours and at_work.is_late:
                words = f"took longer than {schedule.time_limit_minutes:g} minutes and was ended"
                store.jobs.finish(run.run_id, self._owner, "failed", words, self._context.clock())
                raise_failed(self._context, run, job_named(run.job), words, [])
                run = store.jobs.get(run.run_id)
            elif run is not None and is_ours:
                wait = wait_before(run.attempts, schedule.retry_minutes) if run.attempts > 1 else timedelta()
                why = f"its process ended with code {code}; goes on where it stood"
                store.jobs.postpone(run.run_id, self._owner, why, self._context.clock() + wait)
                run = store.jobs.get(run.run_id)
        if run is not None:
            self._tell(f"{run.job}{f' of {run.logical_date}' if run.logical_date else ''}: {_words(run)}")

    def stop(self, *, patience_seconds: float = 20.0, sleep: Callable[[float], None] = time.sleep) -> None:
        """Ask the run at work to stop (it goes on where it stood at the next start), and say goodbye."""
        at_work, began = self._at_work, self._monotonic()
        if at_work is not None:
            at_work.worker.stop(at_once=False)
            while at_work.worker.poll() is None and self._monotonic() - began < patience_seconds:
                sleep(0.1)
            if at_work.worker.poll() is None:
                at_work.worker.stop(at_once=True)
        try:
            with self._context.open_store() as store:
                if at_work is not None:
                    why = "stopped with its scheduler; goes on where it stood"
                    store.jobs.postpone(at_work.run.run_id, self._owner, why, self._context.clock())
                store.schedule.gone(self._owner)
        except ChurnError as error:  # the lease runs out by itself
            self._context.log.note("goodbye_not_said", error=error.code)


def _words(run: ScheduledRun) -> str:
    if run.state == "queued":
        at = f"{run.next_attempt_at:%H:%M:%S} UTC" if run.next_attempt_at else "once"
        return f"again at {at}: {run.error}"
    return run.state if run.error is None else f"{run.state}: {run.error}"
