"""Scheduled work: runs are requested, claimed under a lease, recorded step by step, and finished by the holder."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from churn.store.database import Database
from churn.store.service_records import JobParameterValue, ScheduledRun, ScheduledStep, StepState
from churn.store.service_tables import scheduled_runs, scheduled_steps

_ERROR_LENGTH = 2_000
_LONGEST_LEASE = timedelta(hours=2)  # a lease that ends later came from a wrong clock: ignore it
_STANDING = ("queued", "running", "done")
_RUN_COLUMNS = list(scheduled_runs.c)


def key_of(job: str, logical_date: date | None, parameters: Mapping[str, JobParameterValue]) -> str:
    """Return the key of a run: job, logical date, and a hash of the parameters where there are any."""
    parts = [job, str(logical_date) if logical_date else "asked"]
    if parameters:
        text = json.dumps(parameters, sort_keys=True, default=str)
        parts.append(hashlib.sha256(text.encode()).hexdigest()[:16])
    return "/".join(parts)


class JobRepository:
    """Reads and writes `scheduled_runs` and `scheduled_steps`.

    Every instant is handed in. What a process writes about a run counts only while it holds the run's lease.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def request(
        self,
        job: str,
        *,
        logical_date: date | None = None,
        parameters: Mapping[str, JobParameterValue] | None = None,
        requested_by: str,
        at: datetime,
        run_key: str | None = None,
        state: str = "queued",
        error: str | None = None,
    ) -> ScheduledRun:
        """Queue a run of `job`, or return the one that is there: of one key, one run is queued, running or done.

        A run without a logical date is of now: the same may be asked for again once it is done. One that failed, was
        missed or canceled stays in the ledger, and asking again queues another. `state` "missed" notes a night that
        nobody worked.
        """
        parameters = dict(parameters or {})
        key = run_key or key_of(job, logical_date, parameters)
        is_of_now = logical_date is None and run_key is None
        runs = scheduled_runs
        with self._database.write(lock=runs) as connection:
            is_same = runs.c.run_key.startswith(f"{key}@", autoescape=True) if is_of_now else runs.c.run_key == key
            stands = runs.c.state.in_(_STANDING[:2] if is_of_now else _STANDING)
            run_id = connection.execute(sa.select(runs.c.run_id).where(is_same, stands)).scalar()
            if run_id is None and state == "missed":
                known = sa.select(runs.c.run_id).where(is_same)
                run_id = connection.execute(known.order_by(runs.c.run_id.desc())).scalar()
            if run_id is None:
                result = connection.execute(
                    sa.insert(runs).values(
                        job=job,
                        run_key=f"{key}@{at.isoformat()}" if is_of_now else key,
                        logical_date=logical_date,
                        parameters=parameters,
                        state=state,
                        requested_by=requested_by,
                        requested_at=at,
                        finished_at=at if state == "missed" else None,
                        attempts=0,
                        error=error,
                    )
                )
                (run_id,) = result.inserted_primary_key or (0,)
            return _one(connection, int(run_id))

    def claim(
        self, owner: str, *, now: datetime, lease_seconds: float, run_id: int | None = None
    ) -> ScheduledRun | None:
        """Take the next run that is due, or `run_id`, for `owner`; None when nothing is, or another run is at work.

        One run at a time: the warehouse has one holder. A run whose lease has passed is taken over where it stood.
        """
        runs = scheduled_runs
        is_held = sa.and_(runs.c.lease_until > now, runs.c.lease_until <= now + _LONGEST_LEASE)
        is_alive = sa.and_(runs.c.state == "running", is_held)
        is_due = sa.and_(runs.c.state == "queued", sa.func.coalesce(runs.c.next_attempt_at, now) <= now)
        is_dead = sa.and_(runs.c.state == "running", sa.not_(is_held))
        wanted = sa.select(runs.c.run_id, runs.c.started_at).where(sa.or_(is_due, is_dead))
        if run_id is not None:
            wanted = wanted.where(runs.c.run_id == run_id)
        with self._database.write(lock=runs) as connection:
            if connection.execute(sa.select(runs.c.run_id).where(is_alive).limit(1)).first() is not None:
                return None
            row = connection.execute(
                wanted.order_by(sa.func.coalesce(runs.c.next_attempt_at, runs.c.requested_at), runs.c.run_id).limit(1)
            ).first()
            if row is None:
                return None
            connection.execute(
                sa.update(runs)
                .where(runs.c.run_id == row.run_id)
                .values(
                    state="running",
                    attempts=runs.c.attempts + 1,
                    started_at=row.started_at or now,
                    next_attempt_at=None,
                    error=None,
                    lease_owner=owner,
                    lease_until=now + timedelta(seconds=lease_seconds),
                )
            )
            return _one(connection, int(row.run_id))

    def heartbeat(self, run_id: int, owner: str, *, now: datetime, lease_seconds: float) -> bool:
        """Prolong the lease; False when `owner` no longer holds it and must stop."""
        return self._held(run_id, owner, lease_until=now + timedelta(seconds=lease_seconds))

    def set_steps(self, run_id: int, names: Sequence[str]) -> None:
        """Note the steps that a run will take, unless they are noted already."""
        steps = scheduled_steps
        with self._database.write(lock=steps) as connection:
            if connection.execute(sa.select(steps.c.name).where(steps.c.run_id == run_id).limit(1)).first() is None:
                connection.execute(
                    sa.insert(steps),
                    [
                        {"run_id": run_id, "position": n, "name": name, "state": "waiting"}
                        for n, name in enumerate(names)
                    ],
                )

    def start_step(self, run_id: int, owner: str, name: str, *, at: datetime) -> bool:
        """Note that a step begins, or begins again; False when `owner` no longer holds the run."""
        return self._told(
            run_id, owner, name, state="running", started_at=at, finished_at=None, seconds=None, rows=None, error=None
        )

    def finish_step(
        self,
        run_id: int,
        owner: str,
        name: str,
        *,
        state: StepState,
        at: datetime,
        seconds: float,
        rows: int | None = None,
        outcome: str | None = None,
        error: str | None = None,
    ) -> bool:
        """Note how a step ended; False when `owner` no longer holds the run."""
        return self._told(
            run_id,
            owner,
            name,
            state=state,
            finished_at=at,
            seconds=round(seconds, 3),
            rows=rows,
            outcome=outcome[:_ERROR_LENGTH] if outcome else None,
            error=error[:_ERROR_LENGTH] if error else None,
        )

    def finish(self, run_id: int, owner: str, state: str, error: str | None, at: datetime) -> bool:
        """End a run ("done" or "failed") and give back its lease; False when `owner` no longer holds it."""
        text = error[:_ERROR_LENGTH] if error else None
        over = {"state": state, "error": text, "finished_at": at, "lease_owner": None, "lease_until": None}
        with self._database.write() as connection:
            if (
                connection.execute(sa.update(scheduled_runs).where(_is_held(run_id, owner)).values(**over)).rowcount
                == 0
            ):
                return False
            _cut_short(connection, run_id, at)
        return True

    def postpone(
        self, run_id: int, owner: str, error: str | None, next_attempt_at: datetime, *, counts_as_attempt: bool = True
    ) -> bool:
        """Queue a run again, for later, at the step where it stands; False when `owner` no longer holds it."""
        text = error[:_ERROR_LENGTH] if error else None
        attempts = scheduled_runs.c.attempts - (0 if counts_as_attempt else 1)
        later = {"state": "queued", "next_attempt_at": next_attempt_at, "lease_owner": None, "lease_until": None}
        return self._held(run_id, owner, error=text, attempts=attempts, **later)

    def cancel(self, run_id: int, who: str, at: datetime) -> bool:
        """Call off a run: at once if it waits, before its next step if it is at work. False if it ended before."""
        runs = scheduled_runs
        with self._database.write() as connection:
            result = connection.execute(
                sa.update(runs)
                .where(runs.c.run_id == run_id, runs.c.state.in_(("queued", "running")))
                .values(
                    state="canceled", error=f"canceled by {who}", finished_at=at, lease_owner=None, lease_until=None
                )
            )
            if result.rowcount:
                _cut_short(connection, run_id, at)
            return result.rowcount > 0

    def get(self, run_id: int) -> ScheduledRun | None:
        """Return one run with its steps, None if there is none of that number."""
        with self._database.read() as connection:
            matching = _many(connection, sa.select(*_RUN_COLUMNS).where(scheduled_runs.c.run_id == run_id))
        return matching[0] if matching else None

    def latest(self, job: str, state: str | None = None) -> ScheduledRun | None:
        """Return the newest run of `job`, in `state` if given."""
        query = sa.select(*_RUN_COLUMNS).where(scheduled_runs.c.job == job)
        if state is not None:
            query = query.where(scheduled_runs.c.state == state)
        with self._database.read() as connection:
            matching = _many(connection, query.order_by(scheduled_runs.c.run_id.desc()).limit(1))
        return matching[0] if matching else None

    def prune(self, before: datetime) -> int:
        """Delete runs that ended before `before`, with their steps; return how many. The newest done of a job stays."""
        runs = scheduled_runs
        kept = sa.select(sa.func.max(runs.c.run_id)).where(runs.c.state == "done").group_by(runs.c.job)
        with self._database.write(lock=runs) as connection:
            result = connection.execute(
                sa.delete(runs).where(runs.c.finished_at < before, runs.c.run_id.not_in(kept.scalar_subquery()))
            )
            return result.rowcount

    def _held(self, run_id: int, owner: str, **values: Any) -> bool:
        with self._database.write() as connection:
            done = connection.execute(sa.update(scheduled_runs).where(_is_held(run_id, owner)).values(**values))
            return done.rowcount > 0

    def _told(self, run_id: int, owner: str, name: str, **values: Any) -> bool:
        steps = scheduled_steps
        is_held = sa.exists().where(_is_held(run_id, owner))
        with self._database.write() as connection:
            result = connection.execute(
                sa.update(steps).where(steps.c.run_id == run_id, steps.c.name == name, is_held).values(**values)
            )
            return result.rowcount > 0

    def list(self, job: str | None = None, limit: int = 50, before: int | None = None) -> list[ScheduledRun]:
        """Return the newest runs first, with their steps, of one job or of all; `before` a run number for the rest."""
        query = sa.select(*_RUN_COLUMNS).order_by(scheduled_runs.c.run_id.desc()).limit(limit)
        if job is not None:
            query = query.where(scheduled_runs.c.job == job)
        if before is not None:
            query = query.where(scheduled_runs.c.run_id < before)
        with self._database.read() as connection:
            return _many(connection, query)


def _is_held(run_id: int, owner: str) -> sa.ColumnElement[bool]:
    runs = scheduled_runs
    return sa.and_(runs.c.run_id == run_id, runs.c.lease_owner == owner, runs.c.state == "running")


def _cut_short(connection: sa.Connection, run_id: int, at: datetime) -> None:
    """Mark a step that was running when its run ended as cut short."""
    steps = scheduled_steps
    connection.execute(
        sa.update(steps)
        .where(steps.c.run_id == run_id, steps.c.state == "running")
        .values(state="failed", finished_at=at, error="cut short: the run ended")
    )


def _one(connection: sa.Connection, run_id: int) -> ScheduledRun:
    return _many(connection, sa.select(*_RUN_COLUMNS).where(scheduled_runs.c.run_id == run_id))[0]


def _many(connection: sa.Connection, query: sa.Select[Any]) -> list[ScheduledRun]:
    runs = [ScheduledRun(**row) for row in connection.execute(query).mappings()]
    steps: dict[int, list[ScheduledStep]] = {run.run_id: [] for run in runs}
    steps_query = sa.select(scheduled_steps).where(scheduled_steps.c.run_id.in_(steps))
    for row in connection.execute(
        steps_query.order_by(scheduled_steps.c.run_id, scheduled_steps.c.position)
    ).mappings():
        values = dict(row)
        steps[values.pop("run_id")].append(ScheduledStep(**values))
    return [replace(run, steps=tuple(steps[run.run_id])) for run in runs]
