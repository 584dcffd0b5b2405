"""The history of the monitors' findings: one document per day, and the figures that are followed over many days."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import sqlalchemy as sa

from churn.documents.monitoring import MonitoredDay, MonitoringDocument, TrendRow
from churn.store.database import Database
from churn.store.service_tables import monitoring_runs


class MonitoringRepository:
    """Reads and writes `monitoring_runs`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def save(self, document: MonitoringDocument, trend: Sequence[TrendRow]) -> int:
        """Keep what was found on a day, in place of what an earlier run said of that day; return its number."""
        with self._database.write(lock=monitoring_runs) as connection:
            connection.execute(sa.delete(monitoring_runs).where(monitoring_runs.c.on_date == document.on))
            result = connection.execute(
                sa.insert(monitoring_runs).values(
                    on_date=document.on,
                    model_version=document.model_version,
                    monitored_at=document.monitored_at,
                    severity=document.severity,
                    trend=[row.as_json() for row in trend],
                    document=document.as_json(),
                )
            )
            (number,) = result.inserted_primary_key or (0,)
            return int(number)

    def latest(self, *, on: date | None = None) -> MonitoringDocument | None:
        """Return the newest day's findings, of `on` or before where given; None if there are none.

        Raises ContractBroken for a document that another version wrote.
        """
        table = monitoring_runs.c
        query = sa.select(table.on_date, table.document).order_by(table.on_date.desc()).limit(1)
        if on is not None:
            query = query.where(table.on_date <= on)
        with self._database.read() as connection:
            row = connection.execute(query).one_or_none()
        return None if row is None else MonitoringDocument.read(row.document, where=f"monitoring of {row.on_date}")

    def list(self, *, limit: int = 90) -> list[MonitoredDay]:
        """Return the verdicts and figures of the newest days, newest first. Raises ContractBroken as `latest`."""
        table = monitoring_runs.c
        query = sa.select(table.on_date, table.model_version, table.severity, table.trend)
        with self._database.read() as connection:
            rows = connection.execute(query.order_by(table.on_date.desc()).limit(limit)).all()
        return [
            MonitoredDay.read(
                {"on": row.on_date, "model_version": row.model_version, "severity": row.severity, "rows": row.trend},
                where=f"monitoring of {row.on_date}",
            )
            for row in rows
        ]
