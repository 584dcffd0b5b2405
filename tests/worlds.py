"""Tiny companies for tests, told as rows: `World().customer("a").subscription("a", "2024-01-01").warehouse()`."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, Self

import polars as pl

from churn.config import ResourceSettings
from churn.snapshots.dataset import build_snapshots
from churn.snapshots.policy import SnapshotPolicy
from churn.warehouse import SqlModel, Warehouse, load_models, open_warehouse

NO_HOME = Path("/nonexistent")  # no SQL of a user's own
FAR = datetime.fromisoformat("2030-01-01")  # a cutoff at which every label is final

_INSTANT = pl.Datetime("us")
_KEYS: dict[
    str, tuple[str, ...]
] = {  # rows of one key are versions of one fact; without, each row is a fact of its own
    "customers": ("customer_id",),
    "subscription_events": ("customer_id", "subscription_id", "event_type"),
    "payments": ("payment_id",),
    "sessions": (),
    "support_tickets": ("ticket_id",),
    "contacts": (),
    "events": (),
    "churn_events": (),
}
STAGING: dict[str, dict[str, Any]] = {
    "customers": {
        "customer_id": pl.String,
        "signed_up_at": _INSTANT,
        "birth_date": pl.Date,
        "city": pl.String,
        "country": pl.String,
        "email": pl.String,
        "phone": pl.String,
        "marketing_consent": pl.Boolean,
        "objected_at": _INSTANT,
        "occurred_at": _INSTANT,
        "available_at": _INSTANT,
    },
    "subscription_events": {
        "customer_id": pl.String,
        "subscription_id": pl.String,
        "event_type": pl.String,
        "occurred_at": _INSTANT,
        "available_at": _INSTANT,
        "plan": pl.String,
        "monthly_fee": pl.Float64,
        "end_reason": pl.String,
        "is_announced": pl.Boolean,
        "term_end": _INSTANT,
        "billing_interval": pl.String,
    },
    "payments": {
        "payment_id": pl.String,
        "customer_id": pl.String,
        "occurred_at": _INSTANT,
        "available_at": _INSTANT,
        "amount": pl.Float64,
        "status": pl.String,
        "method": pl.String,
    },
    "sessions": {
        "customer_id": pl.String,
        "occurred_at": _INSTANT,
        "available_at": _INSTANT,
        "duration_minutes": pl.Float64,
    },
    "support_tickets": {
        "ticket_id": pl.String,
        "customer_id": pl.String,
        "occurred_at": _INSTANT,
        "available_at": _INSTANT,
        "closed_at": _INSTANT,
        "category": pl.String,
    },
    "contacts": {
        "customer_id": pl.String,
        "occurred_at": _INSTANT,
        "available_at": _INSTANT,
        "campaign": pl.String,
        "channel": pl.String,
    },
    "events": {
        "customer_id": pl.String,
        "event_type": pl.String,
        "occurred_at": _INSTANT,
        "available_at": _INSTANT,
        "quantity": pl.Float64,
        "event_id": pl.String,
    },
    "churn_events": {
        "customer_id": pl.String,
        "occurred_at": _INSTANT,
        "available_at": _INSTANT,
        "reason": pl.String,
    },
    "customer_snapshots": {"customer_id": pl.String, "snapshot_date": pl.Date, "has_churned": pl.Boolean},
}


def at(when: str | datetime) -> datetime:
    """Read `2024-01-31` or `2024-01-31 18:00`."""
    return when if isinstance(when, datetime) else datetime.fromisoformat(when)


_VERSIONS = """
select
    * exclude (_fact),
    lead(greatest(occurred_at, available_at)) over versions as superseded_at,
    cast(row_number() over versions as bigint) as fact_version
from staging.{}
window versions as (partition by _fact order by greatest(occurred_at, available_at), available_at, occurred_at)
"""


class World:
    """Rows of the staging layer. `known` is when we learned of a fact; when it happened if not given."""

    def __init__(self) -> None:
        self.rows: dict[str, list[dict[str, Any]]] = {name: [] for name in STAGING}
        self.facts: dict[tuple[str, int], str] = {}  # rows that are versions of another, by table and place

    def add(self, table: str, when: str | datetime, known: str | datetime | None = None, **values: Any) -> Self:
        """Add one fact to `table`."""
        occurred = at(when)
        available = at(known) if known is not None else occurred
        self.rows[table].append({"occurred_at": occurred, "available_at": available, **values})
        return self

    def told_again(self, table: str, number: int, known: str | datetime, **values: Any) -> Self:
        """Add a version of row `number` of `table` with other `values`, as known from `known` on."""
        fact = self._facts(table)[number]
        self.facts[table, number] = self.facts[table, len(self.rows[table])] = fact
        self.rows[table].append({**self.rows[table][number], "available_at": at(known), **values})
        return self

    def customer(
        self, customer: str, when: str | datetime = "2023-01-01", known: str | datetime | None = None, **values: Any
    ) -> Self:
        """Add a version of a customer's record."""
        return self.add("customers", when, known, customer_id=customer, signed_up_at=at(when), **values)

    def subscription(
        self,
        customer: str,
        start: str,
        *,
        canceled: str | None = None,
        end: str | None = None,
        reason: str | None = None,
        known: str | datetime | None = None,
        plan: str = "basic",
        fee: float | None = 25.0,
        name: str | None = None,
        **own: Any,
    ) -> Self:
        """Add a subscription; `known` is when we learned of its latest event, `own` are columns of the company's own."""
        number = len(self.rows["subscription_events"])
        latest = "ended" if end else "canceled" if canceled else "started"
        for event, when in (("started", start), ("canceled", canceled), ("ended", end)):
            if when:
                self.add(
                    "subscription_events",
                    when,
                    known if event == latest else None,
                    customer_id=customer,
                    subscription_id=name or f"{customer}-{number:04d}",
                    event_type=event,
                    plan=plan,
                    monthly_fee=fee,
                    end_reason=reason,
                    **own,
                )
        return self

    def told_until(self, when: str | datetime) -> Self:
        """Let the subscriptions tell of something at `when` that no table holds: a cancellation of what never began."""
        return self.add("subscription_events", when, customer_id="~", subscription_id="~", event_type="canceled")

    def payment(
        self,
        customer: str,
        when: str | datetime,
        status: str = "succeeded",
        amount: float = 25.0,
        method: str = "card",
        known: str | datetime | None = None,
    ) -> Self:
        """Add a payment attempt."""
        name = f"p{len(self.rows['payments']):06d}"
        values = {"customer_id": customer, "status": status, "amount": amount, "method": method}
        return self.add("payments", when, known, payment_id=name, **values)

    def session(
        self, customer: str, when: str | datetime, minutes: float = 10.0, known: str | datetime | None = None
    ) -> Self:
        """Add a session."""
        return self.add("sessions", when, known, customer_id=customer, duration_minutes=minutes)

    def daily_sessions(self, customer: str, first: str, last: str, *, every: int = 1, minutes: float = 10.0) -> Self:
        """Add a session at noon on every `every`-th day from `first` to `last`, both included."""
        day = at(first).replace(hour=12)
        while day.date() <= at(last).date():
            self.session(customer, day, minutes)
            day += timedelta(days=every)
        return self

    def ticket(
        self,
        customer: str,
        when: str | datetime,
        category: str = "technical",
        closed: str | datetime | None = None,
        known: str | datetime | None = None,
        **own: Any,
    ) -> Self:
        """Add a support ticket."""
        name = f"t{len(self.rows['support_tickets']):06d}"
        closed_at = at(closed) if closed else None
        values = {"ticket_id": name, "customer_id": customer, "category": category, "closed_at": closed_at, **own}
        return self.add("support_tickets", when, known, **values)

    def contact(
        self,
        customer: str,
        when: str | datetime,
        campaign: str | None = "winback",
        channel: str = "email",
        known: str | datetime | None = None,
    ) -> Self:
        """Add a contact by us."""
        return self.add("contacts", when, known, customer_id=customer, campaign=campaign, channel=channel)

    def event(
        self,
        customer: str,
        when: str | datetime,
        kind: str = "like",
        quantity: float | None = None,
        known: str | datetime | None = None,
    ) -> Self:
        """Add a generic event."""
        return self.add("events", when, known, customer_id=customer, event_type=kind, quantity=quantity)

    def churn(
        self, customer: str, when: str | datetime, reason: str | None = None, known: str | datetime | None = None
    ) -> Self:
        """Add a churn event, as a company tells of it itself."""
        return self.add("churn_events", when, known, customer_id=customer, reason=reason)

    def flat(self, customer: str, day: str | None = None, churned: bool | None = None, **attributes: Any) -> Self:
        """Add a row of a flat snapshot source; its attributes become columns."""
        when = date.fromisoformat(day) if day else None
        row = {"customer_id": customer, "snapshot_date": when, "has_churned": churned, **attributes}
        self.rows["customer_snapshots"].append(row)
        return self

    def warehouse(self) -> Warehouse:
        """Return an in-memory warehouse whose staging tables hold these rows. Close it, or use it as a context."""
        warehouse = open_warehouse(None, holder="tests", resources=ResourceSettings(memory_limit="1GB", threads=1))
        self.into(warehouse)
        return warehouse

    def into(self, warehouse: Warehouse) -> None:
        """Write these rows as the staging tables of `warehouse`."""
        for name, schema in STAGING.items():
            frame = pl.DataFrame(self.rows[name], schema_overrides=schema, infer_schema_length=None)
            missing = [
                pl.lit(None, kind).alias(column) for column, kind in schema.items() if column not in frame.columns
            ]
            whole = frame.with_columns(missing).select(*schema, pl.exclude(*schema))
            if name not in _KEYS:
                warehouse.write(f"staging.{name}", whole)
                continue
            if name == "subscription_events":
                whole = whole.with_columns(is_announced=_is_announced())
            facts = pl.Series("_fact", self._facts(name), dtype=pl.String)
            warehouse.write(f"staging.{name}", whole.with_columns(facts))
            warehouse.execute(f"create or replace table staging.{name} as {_VERSIONS.format(name)}")

    def _facts(self, table: str) -> list[str]:
        """Name the fact that each row is a version of."""
        names = _KEYS[table]
        return [
            self.facts.get((table, number)) or "/".join(str(row.get(name)) for name in names) or f"row {number}"
            for number, row in enumerate(self.rows[table])
        ]


def _is_announced() -> pl.Expr:
    """Say of each event whether it is an end that may have been planned: one that was not told later than it came."""
    is_told = (pl.col("end_reason") == "payment_failure") | (pl.col("available_at") > pl.col("occurred_at"))
    return (pl.col("event_type") == "ended") & ~is_told.fill_null(value=False)


@functools.cache
def shipped_models() -> dict[str, SqlModel]:
    """Return the SQL that ships, read once."""
    return load_models(NO_HOME)


def build(
    warehouse: Warehouse,
    *dates: str,
    policy: SnapshotPolicy | None = None,
    cutoff: datetime = FAR,
    models: dict[str, SqlModel] | None = None,
) -> dict[str, SqlModel]:
    """Build snapshots and features of `dates` and return the models they were built from.

    The company goes on until `cutoff`: labels are final no further than the source of churn tells of anything.
    """
    models = models or shipped_models()
    goes_on(warehouse, cutoff)
    days = [date.fromisoformat(day) for day in dates]
    build_snapshots(warehouse, models, policy or SnapshotPolicy(), days, data_cutoff=cutoff)
    return models


def goes_on(warehouse: Warehouse, cutoff: datetime) -> None:
    """Tell of a cancellation just before `cutoff`, of a subscription that no table holds; nothing else changes."""
    warehouse.execute(
        "insert into staging.subscription_events by name select customer_id, subscription_id, event_type, occurred_at, "
        "occurred_at as available_at, false as is_announced, 1 as fact_version from "
        "(select '~ last' as customer_id, '~ last' as subscription_id, 'canceled' as event_type, "
        "cast(? as timestamp) - interval 1 second as occurred_at) as last "
        "where exists (select 1 from staging.subscription_events) and not exists (select 1 from "
        "staging.subscription_events as e where not e.is_announced and e.occurred_at >= last.occurred_at)",
        [cutoff],
    )


def rows(warehouse: Warehouse, table: str, *columns: str) -> list[tuple[Any, ...]]:
    """Return the columns of `table`, ordered by customer and date."""
    listed = ", ".join(columns) or "*"
    return warehouse.rows(f"select {listed} from {table} order by customer_id, snapshot_date")


def value(warehouse: Warehouse, column: str, customer: str = "a") -> Any:
    """Return one feature of one customer, looked for in every feature table."""
    found: Sequence[tuple[Any, ...]] = warehouse.rows(
        "select table_name from information_schema.columns where table_schema = 'features' and column_name = ?",
        [column],
    )
    assert len(found) == 1, f"{column} is in {found}"
    result = warehouse.rows(f'select "{column}" from features.{found[0][0]} where customer_id = ?', [customer])
    assert len(result) == 1, f"{customer} has {len(result)} rows"
    return result[0][0]
