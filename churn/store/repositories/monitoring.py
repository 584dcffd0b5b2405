"""The history of the monitors' findings: one document per day, and the rows that trend charts are drawn from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa

from churn.store.database import Database
from churn.store.records import MonitoringRun, MonitoringSeverity
from churn.store.tables import monitoring_runs

_COLUMNS = [monitoring_runs.c[field.name] for field in fields(MonitoringRun)]


class MonitoringRepository:
    """Reads and writes `monitoring_runs`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def save(
        self,
        on_date: date,
        *,
        model_version: str | None,
        severity: MonitoringSeverity,
        trend: Sequence[Mapping[str, Any]],
        document: Mapping[str, Any],
        at: datetime,
    ) -> int:
        """Keep what was found as of `on_date`, in place of what an earlier run said of that day; return its number."""
        with self._database.write(lock=monitoring_runs) as connection:
            connection.execute(sa.delete(monitoring_runs).where(monitoring_runs.c.on_date == on_date))
            result = connection.execute(
                sa.insert(monitoring_runs).values(
                    on_date=on_date,
                    model_version=model_version,
                    monitored_at=at,
                    severity=severity,
                    trend=[dict(row) for row in trend],
                    document=dict(document),
                )
            )
            (number,) = result.inserted_primary_key or (0,)
            return int(number)

    def latest(self, *, on: date | None = None) -> MonitoringRun | None:
        """Return the newest day's findings, of `on` or before where given; None if there are none."""
        query = sa.select(*_COLUMNS).order_by(monitoring_runs.c.on_date.desc()).limit(1)
        if on is not None:
            query = query.where(monitoring_runs.c.on_date <= on)
        with self._database.read() as connection:
            row = connection.execute(query).mappings().one_or_none()
        return MonitoringRun(**row) if row is not None else None

    def list(self, *, limit: int = 90) -> list[MonitoringRun]:
        """Return the newest days first, without their documents."""
        columns = [column for column in _COLUMNS if column.name != "document"]
        query = sa.select(*columns).order_by(monitoring_runs.c.on_date.desc()).limit(limit)
        with self._database.read() as connection:
            return [MonitoringRun(**row) for row in connection.execute(query).mappings()]
