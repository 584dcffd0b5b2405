"""Alerts: what a person must look at, at most one open of a kind about one subject."""

from __future__ import annotations

from dataclasses import fields
from datetime import datetime

import sqlalchemy as sa

from churn import tracing
from churn.store.database import Database
from churn.store.records import Alert, AlertSeverity
from churn.store.tables import alerts

_COLUMNS = [alerts.c[field.name] for field in fields(Alert)]


class AlertRepository:
    """Reads and writes `alerts`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def raise_(self, kind: str, subject: str, severity: AlertSeverity, message: str, at: datetime) -> int:
        """Open an alert, or renew severity and message of the one that is open already; return its number.

        Where traces are sent, the message names the one that it was raised in.
        """
        if (trace := tracing.trace_id()) is not None:
            message = f"{message} (trace {trace})"
        is_open = sa.and_(alerts.c.kind == kind, alerts.c.subject == subject, alerts.c.resolved_at.is_(None))
        with self._database.write(lock=alerts) as connection:
            alert_id = connection.execute(sa.select(alerts.c.alert_id).where(is_open)).scalar()
            if alert_id is not None:
                connection.execute(
                    sa.update(alerts).where(alerts.c.alert_id == alert_id).values(severity=severity, message=message)
                )
                return int(alert_id)
            result = connection.execute(
                sa.insert(alerts).values(kind=kind, subject=subject, severity=severity, message=message, raised_at=at)
            )
            (alert_id,) = result.inserted_primary_key or (0,)
            return int(alert_id)

    def open(self, *, kind: str | None = None, subject: str | None = None) -> list[Alert]:
        """Return the alerts still open, newest first, of one kind and subject or of all."""
        query = sa.select(*_COLUMNS).where(alerts.c.resolved_at.is_(None)).order_by(alerts.c.alert_id.desc())
        if kind is not None:
            query = query.where(alerts.c.kind == kind)
        if subject is not None:
            query = query.where(alerts.c.subject == subject)
        with self._database.read() as connection:
            return [Alert(**row) for row in connection.execute(query).mappings()]

    def resolve(self, kind: str, subject: str, at: datetime) -> int:
        """Close what is open of a kind about a subject; return how many alerts that were (0 or 1)."""
        with self._database.write(lock=alerts) as connection:
            result = connection.execute(
                sa.update(alerts)
                .where(alerts.c.kind == kind, alerts.c.subject == subject, alerts.c.resolved_at.is_(None))
                .values(resolved_at=at)
            )
            return result.rowcount

    def find(self, alert_id: int) -> Alert | None:
        """Return an alert by its number, open or resolved."""
        with self._database.read() as connection:
            row = connection.execute(sa.select(*_COLUMNS).where(alerts.c.alert_id == alert_id)).mappings().first()
        return None if row is None else Alert(**row)

    def resolved(self, *, limit: int) -> list[Alert]:
        """Return the alerts that are over, the newest end first."""
        query = sa.select(*_COLUMNS).where(alerts.c.resolved_at.is_not(None))
        query = query.order_by(alerts.c.resolved_at.desc(), alerts.c.alert_id.desc()).limit(limit)
        with self._database.read() as connection:
            return [Alert(**row) for row in connection.execute(query).mappings()]

    def take(self, alert_id: int, who: str | None, at: datetime) -> None:
        """Note who looks after an alert; None where nobody does any more."""
        values = {"taken_by": who, "taken_at": None if who is None else at}
        with self._database.write(lock=alerts) as connection:
            connection.execute(sa.update(alerts).where(alerts.c.alert_id == alert_id).values(values))

    def mute(self, alert_id: int, until: datetime | None) -> None:
        """Tell no channel of an alert, or of the like, until a moment; None to tell of it again."""
        with self._database.write(lock=alerts) as connection:
            connection.execute(sa.update(alerts).where(alerts.c.alert_id == alert_id).values(muted_until=until))

    def prune(self, before: datetime) -> int:
        """Delete alerts that were resolved before `before`, with what is known of their delivery; return how many."""
        with self._database.write(lock=alerts) as connection:
            return connection.execute(sa.delete(alerts).where(alerts.c.resolved_at < before)).rowcount
