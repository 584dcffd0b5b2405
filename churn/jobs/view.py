"""Jobs and their runs as documents, for the command line, the API and the pages alike."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from churn.context import Context
from churn.jobs.catalog import JOBS
from churn.jobs.schedule import next_times
from churn.store.records import ScheduledRun

if TYPE_CHECKING:
    from churn.store import Store


def run_document(run: ScheduledRun) -> dict[str, Any]:
    """Return a run with its steps; instants are UTC, without a zone."""
    return {
        "run_id": run.run_id,
        "job": run.job,
        "title": JOBS[run.job].title if run.job in JOBS else run.job,
        "logical_date": run.logical_date,
        "parameters": run.parameters,
        "state": run.state,
        "requested_by": run.requested_by,
        "requested_at": run.requested_at,
        "started_at": run.started_at,
        "finished_at": run.finished_at,
        "seconds": round(sum(step.seconds or 0.0 for step in run.steps), 3),
        "attempts": run.attempts,
        "next_attempt_at": run.next_attempt_at,
        "error": run.error,
        "steps": [
            {
                "name": step.name,
                "state": step.state,
                "started_at": step.started_at,
                "finished_at": step.finished_at,
                "seconds": step.seconds,
                "rows": step.rows,
                "outcome": step.outcome,
                "error": step.error,
            }
            for step in run.steps
        ],
    }


def jobs_document(context: Context, store: Store, now: datetime) -> dict[str, Any]:
    """Return every job, when it is due, how its last run ended, and which schedulers are at work."""
    due, schedule = next_times(context.settings, now), context.settings.schedule
    rows = []
    for name, job in JOBS.items():
        last = store.jobs.latest(name)
        rows.append(
            {
                "name": name,
                "title": job.title,
                "schedule": getattr(schedule, name, None) or None,
                "next_at": due.get(name),
                "scope": job.scope,
                "parameters": {
                    key: {"kind": one.kind, "text": one.text, "is_required": one.is_required}
                    for key, one in job.parameters.items()
                },
                "last_run": run_document(last) if last else None,
            }
        )
    workers = store.schedule.workers(now)
    return {
        "jobs": rows,
        "timezone": schedule.timezone,
        "schedulers": [{"name": w.owner, "started_at": w.started_at, "seen_at": w.seen_at} for w in workers],
    }
