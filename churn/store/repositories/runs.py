"""The job ledger: which workflow ran when, for which date, and how it ended."""

from __future__ import annotations

from dataclasses import asdict
from datetime import date, datetime

import sqlalchemy as sa

from churn.store.database import Database
from churn.store.records import BucketCounts, WorkflowRun
from churn.store.tables import job_runs

_ERROR_LENGTH = 2_000


class RunRepository:
    """Reads and writes `job_runs`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def start(self, workflow: str, *, logical_date: date | None = None, started_at: datetime) -> int:
        """Note that `workflow` begins, for `logical_date` where it has one; return the number of the run.

        Earlier runs of the workflow that never said how they ended are marked abandoned; one that is still at work
        says so itself when it ends, which overrules the mark.
        """
        with self._database.write() as connection:
            connection.execute(
                sa.update(job_runs)
                .where(job_runs.c.workflow == workflow, job_runs.c.outcome.is_(None))
                .values(outcome="abandoned")
            )
            result = connection.execute(
                sa.insert(job_runs).values(workflow=workflow, logical_date=logical_date, started_at=started_at)
            )
            (run_id,) = result.inserted_primary_key or (0,)
            return int(run_id)

    def finish(
        self,
        run_id: int,
        *,
        finished_at: datetime,
        outcome: str,
        error: str | None = None,
        buckets: BucketCounts | None = None,
    ) -> None:
        """Note how a run ended; a step on a cluster also how many buckets were done."""
        counts = {} if buckets is None else {f"buckets_{name}": count for name, count in asdict(buckets).items()}
        with self._database.write() as connection:
            connection.execute(
                sa.update(job_runs)
                .where(job_runs.c.run_id == run_id)
                .values(
                    finished_at=finished_at, outcome=outcome, error=error[:_ERROR_LENGTH] if error else None, **counts
                )
            )

    def prune(self, before: datetime) -> int:
        """Delete what was started before `before`, but for the newest run of each workflow; return how many."""
        newest = sa.select(sa.func.max(job_runs.c.run_id)).group_by(job_runs.c.workflow)
        with self._database.write() as connection:
            old = sa.and_(job_runs.c.started_at < before, job_runs.c.run_id.not_in(newest.scalar_subquery()))
            return connection.execute(sa.delete(job_runs).where(old)).rowcount

    def list(self, *, workflow: str | None = None, limit: int = 50) -> list[WorkflowRun]:
        """Return the newest runs first, of one workflow or of all."""
        query = sa.select(job_runs).order_by(job_runs.c.run_id.desc()).limit(limit)
        if workflow is not None:
            query = query.where(job_runs.c.workflow == workflow)
        with self._database.read() as connection:
            return [WorkflowRun(**row) for row in connection.execute(query).mappings()]
