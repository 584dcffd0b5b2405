"""Alerts on their way out: each to each channel once, kept until it has arrived or is given up."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import sqlalchemy as sa

from churn.store.database import Database
from churn.store.records import AlertSeverity
from churn.store.service_records import AlertDelivery
from churn.store.service_tables import alert_deliveries
from churn.store.tables import alerts

_RANK: dict[str, int] = {"info": 0, "warning": 1, "critical": 2}
_ERROR_LENGTH = 500
_STILL_NEWS = timedelta(days=1)  # an alert that was resolved longer ago is not sent to a new channel


class DeliveryRepository:
    """Reads and writes `alert_deliveries`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def enqueue(self, channels: Sequence[str], min_severity: AlertSeverity, at: datetime) -> int:
        """Queue every alert that a channel has not had yet, or only as less severe; return how many.

        Alerts that are resolved already are sent too, unless that was more than a day ago.
        """
        table, at_least = alert_deliveries, _RANK[min_severity]
        grave = [name for name, rank in _RANK.items() if rank >= at_least]
        is_news = sa.or_(alerts.c.resolved_at.is_(None), alerts.c.resolved_at >= at - _STILL_NEWS)
        query = sa.select(alerts.c.alert_id, alerts.c.severity).where(is_news, alerts.c.severity.in_(grave))
        with self._database.write(lock=table) as connection:
            known: dict[tuple[int, str], int] = {}
            for row in connection.execute(sa.select(table.c.alert_id, table.c.channel, table.c.severity)):
                key = (row.alert_id, row.channel)
                known[key] = max(known.get(key, -1), _RANK[row.severity])
            fresh = [
                {"alert_id": row.alert_id, "channel": channel, "severity": row.severity}
                for row in connection.execute(query)
                for channel in channels
                if known.get((row.alert_id, channel), -1) < _RANK[row.severity]
            ]
            if fresh:
                values = {"state": "waiting", "attempts": 0, "next_attempt_at": at}
                connection.execute(sa.insert(table), [row | values for row in fresh])
        return len(fresh)

    def take(self, now: datetime, *, lease_seconds: float) -> AlertDelivery | None:
        """Return a due delivery, leased for `lease_seconds`: if its process dies, another one takes it after that."""
        table = alert_deliveries
        columns = [alerts.c[name] for name in ("kind", "subject", "message", "raised_at")]
        query = (
            sa.select(table.c.alert_id, table.c.channel, table.c.severity, table.c.state, table.c.attempts, *columns)
            .join(alerts, alerts.c.alert_id == table.c.alert_id)
            .where(table.c.state == "waiting", table.c.next_attempt_at <= now)
            .order_by(table.c.alert_id, table.c.channel, table.c.severity)
            .limit(1)
        )
        with self._database.write(lock=table) as connection:
            row = connection.execute(query).mappings().one_or_none()
            if row is None:
                return None
            delivery = AlertDelivery(**row)
            until = now + timedelta(seconds=lease_seconds)
            connection.execute(
                sa.update(table).where(*_is(delivery)).values(attempts=table.c.attempts + 1, next_attempt_at=until)
            )
        return delivery

    def delivered(self, delivery: AlertDelivery, at: datetime) -> None:
        """Note that it has arrived."""
        self._write(delivery, state="delivered", finished_at=at, error=None)

    def postpone(self, delivery: AlertDelivery, error: str, until: datetime) -> None:
        """Note why it did not arrive, and when it is tried again."""
        self._write(delivery, error=error[:_ERROR_LENGTH], next_attempt_at=until)

    def give_up(self, delivery: AlertDelivery, error: str, at: datetime) -> None:
        """Note that it is not tried any more."""
        self._write(delivery, state="given_up", error=error[:_ERROR_LENGTH], finished_at=at)

    def of(self, alert_id: int) -> list[dict[str, object]]:
        """Return what became of one alert: channel, severity, state, attempts, finished_at, error."""
        table = alert_deliveries
        names = ("channel", "severity", "state", "attempts", "finished_at", "error")
        query = sa.select(*(table.c[name] for name in names)).where(table.c.alert_id == alert_id)
        with self._database.read() as connection:
            return [dict(row) for row in connection.execute(query.order_by(table.c.channel)).mappings()]

    def _write(self, delivery: AlertDelivery, **values: object) -> None:
        with self._database.write() as connection:
            connection.execute(sa.update(alert_deliveries).where(*_is(delivery)).values(**values))


def _is(delivery: AlertDelivery) -> tuple[sa.ColumnElement[bool], ...]:
    table = alert_deliveries
    return (
        table.c.alert_id == delivery.alert_id,
        table.c.channel == delivery.channel,
        table.c.severity == delivery.severity,
    )
