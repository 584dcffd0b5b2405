"""Alerts on their way out: each to each channel once, kept until it has arrived or is given up."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from churn.store.database import Database
from churn.store.records import AlertSeverity
from churn.store.service_records import RESOLVED, AlertDelivery
from churn.store.service_tables import alert_deliveries
from churn.store.tables import alerts

_RANK: dict[str, int] = {"info": 0, "warning": 1, "critical": 2}
_ERROR_LENGTH = 500
_TOGETHER = 100  # deliveries of one message at most
_STILL_NEWS = timedelta(days=1)  # an alert that was resolved longer ago is not sent to a new channel


class DeliveryRepository:
    """Reads and writes `alert_deliveries`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def enqueue(self, channels: Sequence[str], min_severity: AlertSeverity, at: datetime) -> int:
        """Queue every alert that a channel has not had yet, or only as less severe; return how many.

        Alerts that are resolved already are sent too, unless that was more than a day ago; those of a kind and subject that
        somebody muted are not.
        """
        table, at_least = alert_deliveries, _RANK[min_severity]
        grave = [name for name, rank in _RANK.items() if rank >= at_least]
        is_news = sa.or_(alerts.c.resolved_at.is_(None), alerts.c.resolved_at >= at - _STILL_NEWS)
        like = alerts.alias("like")
        is_muted = sa.exists().where(
            like.c.kind == alerts.c.kind, like.c.subject == alerts.c.subject, like.c.muted_until > at
        )
        query = sa.select(alerts.c.alert_id, alerts.c.severity).where(is_news, alerts.c.severity.in_(grave), ~is_muted)
        with self._database.write(lock=table) as connection:
            known: dict[tuple[int, str], int] = {}
            for row in connection.execute(sa.select(table.c.alert_id, table.c.channel, table.c.severity)):
                key = (row.alert_id, row.channel)
                known[key] = max(known.get(key, -1), _RANK.get(row.severity, -1))
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

    def enqueue_recovered(self, channels: Sequence[str], at: datetime) -> int:
        """Queue for each channel that alerts are over of which it was told, unless that was more than a day ago; return how many."""
        table = alert_deliveries
        query = (
            sa.select(table.c.alert_id, table.c.channel, table.c.severity, table.c.state)
            .join(alerts, alerts.c.alert_id == table.c.alert_id)
            .where(alerts.c.resolved_at >= at - _STILL_NEWS, table.c.channel.in_(channels))
        )
        with self._database.read() as connection:
            rows = list(connection.execute(query))
        delivered = {
            (row.alert_id, row.channel) for row in rows if row.state == "delivered" and row.severity != RESOLVED
        }
        known = {(row.alert_id, row.channel) for row in rows if row.severity == RESOLVED}
        fresh = [
            {"alert_id": alert_id, "channel": channel, "severity": RESOLVED, "state": "waiting", "attempts": 0}
            for alert_id, channel in sorted(delivered - known)
        ]
        if fresh:
            with self._database.write(lock=table) as connection:
                connection.execute(sa.insert(table), [row | {"next_attempt_at": at} for row in fresh])
        return len(fresh)

    def hold(self, channel: str, gap: timedelta, now: datetime) -> None:
        """Let what waits for a channel wait until `gap` after its last message; what is critical does not."""
        table = alert_deliveries
        mine = (table.c.channel == channel, table.c.state == "waiting", table.c.severity != "critical")
        last = sa.select(sa.func.max(table.c.finished_at)).where(
            table.c.channel == channel, table.c.state == "delivered"
        )
        with self._database.read() as connection:
            before = connection.execute(last).scalar()
            is_due = connection.execute(
                sa.select(table.c.alert_id).where(*mine, table.c.next_attempt_at <= now)
            ).first()
        if before is None or is_due is None or now >= (until := before + gap):
            return
        with self._database.write(lock=table) as connection:
            connection.execute(
                sa.update(table).where(*mine, table.c.next_attempt_at < until).values(next_attempt_at=until)
            )

    def take_with(self, taken: AlertDelivery, now: datetime, *, lease_seconds: float) -> list[AlertDelivery]:
        """Return what else is due for the channel of `taken`, each leased as by `take`."""
        with self._database.write(lock=alert_deliveries) as connection:
            rows = connection.execute(
                _due(now).where(alert_deliveries.c.channel == taken.channel).limit(_TOGETHER)
            ).mappings()
            more = [AlertDelivery(**row) for row in rows]
            for delivery in more:
                connection.execute(_leased(delivery, now, lease_seconds))
        return more

    def take(self, now: datetime, *, lease_seconds: float) -> AlertDelivery | None:
        """Return a due delivery, leased for `lease_seconds`: if its process dies, another one takes it after that."""
        with self._database.write(lock=alert_deliveries) as connection:
            row = connection.execute(_due(now).limit(1)).mappings().one_or_none()
            if row is None:
                return None
            delivery = AlertDelivery(**row)
            connection.execute(_leased(delivery, now, lease_seconds))
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


def _due(now: datetime) -> sa.Select[Any]:
    """Return the query of deliveries that are due, with what their alerts say, in the order in which they are sent."""
    table = alert_deliveries
    columns = [alerts.c[name] for name in ("kind", "subject", "message", "raised_at")]
    return (
        sa.select(table.c.alert_id, table.c.channel, table.c.severity, table.c.state, table.c.attempts, *columns)
        .join(alerts, alerts.c.alert_id == table.c.alert_id)
        .where(table.c.state == "waiting", table.c.next_attempt_at <= now)
        .order_by(table.c.alert_id, table.c.channel, table.c.severity)
    )


def _leased(delivery: AlertDelivery, now: datetime, seconds: float) -> sa.Update:
    table, until = alert_deliveries, now + timedelta(seconds=seconds)
    return sa.update(table).where(*_is(delivery)).values(attempts=table.c.attempts + 1, next_attempt_at=until)
