"""The schedule's mark, up to which its times have become runs, and the schedulers that were seen lately."""

from __future__ import annotations

from datetime import datetime, timedelta

import sqlalchemy as sa

from churn.store.database import Database
from churn.store.service_records import ScheduleMark, Worker
from churn.store.service_tables import schedule_marks, schedulers


class ScheduleRepository:
    """Reads and writes `schedule_marks` and `schedulers`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def mark(self, job: str) -> ScheduleMark | None:
        """Return up to when the schedule of `job` has become runs; None before the first scheduler."""
        marks = schedule_marks.c
        with self._database.read() as connection:
            query = sa.select(marks.considered_until, marks.schedule).where(marks.job == job)
            row = connection.execute(query).first()
        return None if row is None else ScheduleMark(row.considered_until, row.schedule)

    def set_mark(self, job: str, until: datetime, schedule: str, *, moves_back: bool = False) -> None:
        """Move the mark of `job` forward to `until`; an earlier instant changes nothing unless it `moves_back`."""
        marks = schedule_marks
        with self._database.write(lock=marks) as connection:
            considered_until = connection.execute(
                sa.select(marks.c.considered_until).where(marks.c.job == job)
            ).scalar()
            values = {"considered_until": until, "schedule": schedule}
            if considered_until is None:
                connection.execute(sa.insert(marks).values(job=job, **values))
            elif considered_until <= until or moves_back:
                connection.execute(sa.update(marks).where(marks.c.job == job).values(values))

    def seen(self, owner: str, at: datetime) -> None:
        """Note that the scheduler `owner` is there; those not seen for a day are forgotten."""
        with self._database.write(lock=schedulers) as connection:
            connection.execute(sa.delete(schedulers).where(schedulers.c.seen_at < at - timedelta(days=1)))
            is_it = schedulers.c.owner == owner
            if connection.execute(sa.update(schedulers).where(is_it).values(seen_at=at)).rowcount == 0:
                connection.execute(sa.insert(schedulers).values(owner=owner, started_at=at, seen_at=at))

    def gone(self, owner: str) -> None:
        """Note that the scheduler `owner` has stopped."""
        with self._database.write() as connection:
            connection.execute(sa.delete(schedulers).where(schedulers.c.owner == owner))

    def workers(self, now: datetime, within: timedelta = timedelta(seconds=90)) -> list[Worker]:
        """Return the schedulers seen lately; none means that what is queued waits for one to be started."""
        query = sa.select(schedulers).where(schedulers.c.seen_at >= now - within).order_by(schedulers.c.started_at)
        with self._database.read() as connection:
            return [Worker(**row) for row in connection.execute(query).mappings()]
