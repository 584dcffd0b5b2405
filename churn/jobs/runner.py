"""Carries out one claimed run step by step under its lease, with each step in the ledger, and ends the run."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING

from churn import tracing
from churn.context import Context
from churn.errors import (
    AuthFailed,
    ChurnError,
    ConnectorError,
    RecordRejected,
    ResourceError,
    StoreBusy,
    SyncBusy,
    Unreachable,
    WarehouseBusy,
)
from churn.jobs.catalog import job_named
from churn.jobs.job import Job, Step, StepFailed, StepResult
from churn.jobs.lease import Lease, Stopped
from churn.jobs.lineage import LineageTeller
from churn.jobs.notify.alarms import raise_failed, resolve_done
from churn.store.service_records import ScheduledRun, StepState

if TYPE_CHECKING:
    from churn.store.repositories.jobs import JobRepository

LONGEST_WAIT = timedelta(hours=1)
_AGAIN = (ConnectorError, WarehouseBusy, StoreBusy, SyncBusy, ResourceError)
_FOR_GOOD = (AuthFailed, RecordRejected)
_PATIENCE = 120.0  # seconds that the ledger waits for a store that is away


class _NotHeld(Exception):
    """Somebody else works the run now."""


def is_passing(error: ChurnError) -> bool:
    """Say whether an error may pass by itself: a remote system, a lock, a full disk."""
    return any(isinstance(cause, _AGAIN) and not isinstance(cause, _FOR_GOOD) for cause in _causes(error))


def is_held_elsewhere(error: ChurnError) -> bool:
    """Say whether the only trouble is that another process has the warehouse open."""
    return all(isinstance(cause, WarehouseBusy) for cause in _causes(error))


def _causes(error: ChurnError) -> tuple[ChurnError, ...]:
    return error.causes if isinstance(error, StepFailed) else (error,)


def wait_before(attempt: int, retry_minutes: float) -> timedelta:
    """Return how long to wait before the attempt after `attempt` (1, 2, ...): doubling, an hour at most."""
    doublings: int = 2 ** min(attempt - 1, 20)
    return min(timedelta(minutes=retry_minutes) * doublings, LONGEST_WAIT)


class Runner:
    """Works runs that `owner` holds. `jobs` finds a job by its name; `sleep` waits for a store that is away.

    `errors` are those of the attempt worked last.
    """

    def __init__(
        self,
        context: Context,
        owner: str,
        *,
        jobs: Callable[[str], Job] = job_named,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._context, self._owner, self._jobs, self._sleep = context, owner, jobs, sleep
        self.lease: Lease | None = None
        self.errors: list[ChurnError] = []

    def work(self, run: ScheduledRun) -> ScheduledRun:
        """Work `run` from the step where it stands to its end, or until it must be tried again; return it as it is then.

        Raises KeyboardInterrupt when a person interrupts it: the run is then canceled. What is no ChurnError is noted
        as a failure and raised.
        """
        with tracing.span(f"job {run.job}", **{"churn.run_id": str(run.run_id), "churn.attempt": str(run.attempts)}):
            return self._worked(run)

    def _worked(self, run: ScheduledRun) -> ScheduledRun:
        settings = self._context.settings.schedule
        job = self._jobs(run.job)
        self._note(lambda jobs: jobs.set_steps(run.run_id, [step.name for step in job.steps]))
        if run.attempts > settings.max_attempts + 1:  # killed repeatedly, most likely at the same step
            stood = run.step.name if run.step else "its start"
            self._fail(run, job, [(stood, f"was cut off {run.attempts - 1} times at step {stood}")])
            return self._read(run.run_id)
        self.lease = Lease(
            self._context,
            run.run_id,
            self._owner,
            seconds=settings.lease_seconds,
            limit_seconds=settings.time_limit_minutes * 60,
        )
        try:
            with self.lease:
                failed = self._steps(self._read(run.run_id), job)
                self.errors = [error for _, error in failed]
            self._end(run, job, failed)
        except _NotHeld:
            self._context.log.note("run_lost", run_id=run.run_id)
        except Stopped as stopped:
            self._stopped(run, job, stopped)
        except KeyboardInterrupt:
            self._cancel(run, "canceled by the keyboard")
            raise
        except BaseException as failure:
            self._fail(run, job, [("run", f"stopped by a fault of the program: {type(failure).__name__}")])
            raise
        return self._read(run.run_id)

    def _steps(self, run: ScheduledRun, job: Job) -> list[tuple[str, ChurnError]]:
        """Work what is not done; return the failures. A gate that fails ends the run there."""
        ended = {step.name for step in run.steps if step.state in {"done", "skipped"}}
        failed: list[tuple[str, ChurnError]] = []
        lineage = LineageTeller(self._context, run)
        for step in job.steps:
            if step.name in ended:
                continue
            with tracing.span(f"step {step.name}", **{"churn.job": run.job}):
                error = self._step(run, step, lineage)
                if error is not None:
                    tracing.annotate({"error.type": error.code})
            if error is not None:
                failed.append((step.name, error))
                if step.is_gate:
                    break
        return failed

    def _step(self, run: ScheduledRun, step: Step, lineage: LineageTeller) -> ChurnError | None:
        context = self._context.in_company_time()
        started_at = self._context.clock()
        self._note_as_holder(lambda jobs: jobs.start_step(run.run_id, self._owner, step.name, at=started_at))
        began = time.monotonic()
        try:
            with lineage.step(step.name):
                result = step.work(context, run)
        except ChurnError as error:
            part = error.sentence if isinstance(error, StepFailed) else None
            rows = error.rows if isinstance(error, StepFailed) else None
            self._finish_step(run, step, "failed", began, StepResult(rows, part or ""), error)
            return error
        except BaseException as failure:
            is_stopped = self.lease is not None and self.lease.reason is not None
            if not is_stopped and not isinstance(failure, KeyboardInterrupt):
                fault = ChurnError(f"a fault of the program: {type(failure).__name__}: {failure}")
                self._finish_step(run, step, "failed", began, StepResult(None, ""), fault)
            raise
        self._finish_step(run, step, "skipped" if result.is_skipped else "done", began, result, None)
        return None

    def _finish_step(
        self,
        run: ScheduledRun,
        step: Step,
        state: StepState,
        began: float,
        result: StepResult,
        error: ChurnError | None,
    ) -> None:
        seconds, finished_at = time.monotonic() - began, self._context.clock()
        self._note_as_holder(
            lambda jobs: jobs.finish_step(
                run.run_id,
                self._owner,
                step.name,
                state=state,
                at=finished_at,
                seconds=seconds,
                rows=result.rows,
                outcome=result.sentence or None,
                error=str(error) if error else None,
            )
        )
        self._context.log.note(
            "job_step", job=run.job, run_id=run.run_id, step=step.name, state=state, seconds=round(seconds, 3)
        )

    def _end(self, run: ScheduledRun, job: Job, failed: list[tuple[str, ChurnError]]) -> None:
        settings, now = self._context.settings.schedule, self._context.clock()
        if not failed:
            self._note_as_holder(lambda jobs: jobs.finish(run.run_id, self._owner, "done", None, now))
            resolve_done(self._context, run)
        elif self._waits_for_warehouse(run, [error for _, error in failed]):
            return
        elif run.attempts < settings.max_attempts and any(is_passing(error) for _, error in failed):
            again_at = now + wait_before(run.attempts, settings.retry_minutes)
            words = "; ".join(f"{name}: {error}" for name, error in failed)
            why = f"attempt {run.attempts} of {settings.max_attempts} failed, {words}"
            self._note_as_holder(lambda jobs: jobs.postpone(run.run_id, self._owner, why, again_at))
        else:
            self._fail(run, job, [(name, str(error)) for name, error in failed], [error for _, error in failed])

    def _waits_for_warehouse(self, run: ScheduledRun, errors: list[ChurnError]) -> bool:
        """Queue a run again that only waits for whoever holds the warehouse; False once it has waited long enough.

        Waiting is no attempt: a notebook that is left open over night must not use up the attempts that faults have.
        """
        settings, now = self._context.settings.schedule, self._context.clock()
        waits_until = (run.started_at or now) + timedelta(hours=settings.misfire_grace_hours)
        again_at = now + timedelta(minutes=settings.retry_minutes)
        if again_at > waits_until or not all(is_held_elsewhere(error) for error in errors):
            return False
        why = f"waits for the warehouse until {waits_until:%Y-%m-%d %H:%M} UTC at the latest: {errors[0]}"
        self._note_as_holder(
            lambda jobs: jobs.postpone(run.run_id, self._owner, why, again_at, counts_as_attempt=False)
        )
        self._context.log.note("warehouse_held", job=run.job, run_id=run.run_id)
        return True

    def _fail(
        self, run: ScheduledRun, job: Job, failed: list[tuple[str, str]], errors: list[ChurnError] | None = None
    ) -> None:
        words = "; ".join(f"{name}: {text}" for name, text in failed)
        now = self._context.clock()
        if self._note(lambda jobs: jobs.finish(run.run_id, self._owner, "failed", words, now)):
            raise_failed(self._context, run, job, words, errors or [])

    def _stopped(self, run: ScheduledRun, job: Job, stopped: Stopped) -> None:
        now = self._context.clock()
        if stopped.reason == "late":
            minutes = self._context.settings.schedule.time_limit_minutes
            step = self._read(run.run_id).step
            stood = step.name if step else "run"
            words = f"took longer than {minutes:g} minutes and was stopped"
            self._note(
                lambda jobs: jobs.finish_step(
                    run.run_id, self._owner, stood, state="failed", at=now, seconds=minutes * 60, error=words
                )
            )
            self._fail(run, job, [(stood, words)])
        elif stopped.reason == "stopped":
            why = "stopped with its scheduler; goes on where it stood"
            self._note(lambda jobs: jobs.postpone(run.run_id, self._owner, why, now))
        else:
            self._context.log.note("run_lost", run_id=run.run_id)

    def _cancel(self, run: ScheduledRun, why: str) -> None:
        now = self._context.clock()
        if self._note(lambda jobs: jobs.finish(run.run_id, self._owner, "canceled", why, now)):
            self._context.log.note("run_canceled", run_id=run.run_id)

    def _note_as_holder(self, write: Callable[[JobRepository], bool]) -> None:
        """Write to the ledger. Raises _NotHeld when the run is no longer ours."""
        if not self._note(write):
            raise _NotHeld

    def _note(self, write: Callable[[JobRepository], bool | None]) -> bool:
        """Write to the ledger; a store that is away is waited for, two minutes at most."""
        waited, pause = 0.0, 0.5
        while True:
            try:
                with self._context.open_store() as store:
                    return bool(write(store.jobs))
            except (StoreBusy, Unreachable):
                if waited >= _PATIENCE:
                    raise
                self._sleep(pause)
                waited, pause = waited + pause, min(pause * 2, 10.0)

    def _read(self, run_id: int) -> ScheduledRun:
        with self._context.open_store() as store:
            run = store.jobs.get(run_id)
        assert run is not None  # only finished runs are ever pruned
        return run
