"""Events on their way to subscribers: each to each once, kept until it has arrived or is given up."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from churn.store.database import Database
from churn.store.service_records import WebhookDelivery
from churn.store.service_tables import webhook_deliveries

_ERROR_LENGTH = 500


class WebhookRepository:
    """Reads and writes `webhook_deliveries`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, subscription: str, events: Mapping[str, Mapping[str, Any]], at: datetime) -> int:
        """Keep documents, by event id, for a subscription; those it was given before are left as they are. Return how many."""
        if not events:
            return 0
        table = webhook_deliveries
        known = sa.select(table.c.event_id).where(table.c.subscription == subscription, table.c.event_id.in_(events))
        with self._database.read() as connection:  # usually there is nothing new, and this takes no write lock
            if set(connection.execute(known).scalars()) >= events.keys():
                return 0
        with self._database.write(lock=table) as connection:
            there = set(connection.execute(known).scalars())
            waits = {"subscription": subscription, "created_at": at, "state": "waiting", "attempts": 0}
            rows = [
                {"event_id": event_id, "document": dict(document), "next_attempt_at": at} | waits
                for event_id, document in events.items()
                if event_id not in there
            ]
            if rows:
                connection.execute(sa.insert(table), rows)
        return len(rows)

    def take(self, now: datetime, *, lease_seconds: float) -> WebhookDelivery | None:
        """Return a due delivery, leased for `lease_seconds`: if its process dies, another one takes it after that."""
        table = webhook_deliveries
        query = (
            sa.select(table)
            .where(table.c.state == "waiting", table.c.next_attempt_at <= now)
            .order_by(table.c.next_attempt_at, table.c.event_id, table.c.subscription)
            .limit(1)
        )
        with self._database.read() as connection:
            if connection.execute(query).first() is None:
                return None
        with self._database.write(lock=table) as connection:
            row = connection.execute(query).mappings().one_or_none()
            if row is None:
                return None
            delivery = WebhookDelivery(**row)
            until = now + timedelta(seconds=lease_seconds)
            connection.execute(
                sa.update(table).where(*_is(delivery)).values(attempts=table.c.attempts + 1, next_attempt_at=until)
            )
        return delivery

    def delivered(self, delivery: WebhookDelivery, at: datetime) -> None:
        """Note that it has arrived."""
        self._write(delivery, state="delivered", finished_at=at, error=None)

    def postpone(self, delivery: WebhookDelivery, error: str, until: datetime) -> None:
        """Note why it did not arrive, and when it is tried again."""
        self._write(delivery, error=error[:_ERROR_LENGTH], next_attempt_at=until)

    def give_up(self, delivery: WebhookDelivery, error: str, at: datetime) -> None:
        """Note that it is not tried any more."""
        self._write(delivery, state="given_up", error=error[:_ERROR_LENGTH], finished_at=at)

    def list(self, *, limit: int = 100) -> list[WebhookDelivery]:
        """Return the newest first."""
        table = webhook_deliveries
        query = sa.select(table).order_by(table.c.created_at.desc(), table.c.event_id, table.c.subscription)
        with self._database.read() as connection:
            return [WebhookDelivery(**row) for row in connection.execute(query.limit(limit)).mappings()]

    def prune(self, before: datetime) -> int:
        """Delete what ended before `before`; return how many."""
        table = webhook_deliveries
        with self._database.write(lock=table) as connection:
            return connection.execute(sa.delete(table).where(table.c.finished_at < before)).rowcount

    def _write(self, delivery: WebhookDelivery, **values: object) -> None:
        with self._database.write() as connection:
            connection.execute(sa.update(webhook_deliveries).where(*_is(delivery)).values(**values))


def _is(delivery: WebhookDelivery) -> tuple[sa.ColumnElement[bool], ...]:
    table = webhook_deliveries
    return (table.c.event_id == delivery.event_id, table.c.subscription == delivery.subscription)
