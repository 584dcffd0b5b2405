"""Staging: given raw rows, expect facts with when they happened and since when we know."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from churn.config import SourceSettings
from churn.warehouse import Warehouse, load_models
from churn.warehouse.loading.ingest import ingest
from churn.warehouse.models.build import build
from tests.warehouse.conftest import NOW

Stage = Callable[[str, str, list[dict[str, Any]]], list[tuple[Any, ...]]]


def day(number: int, month: int = 1) -> datetime:
    return datetime(2026, month, number)


@pytest.fixture
def stage(warehouse: Warehouse, tmp_path: Path) -> Stage:
    models = load_models(tmp_path)

    def run(table: str, query: str, rows: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
        ingest(warehouse, {}, now=NOW)
        for number, row in enumerate(rows):
            full = {"load_id": number + 1, "loaded_at": NOW, "source_file": "f", "row_number": 1} | row
            for extra in full.keys() - warehouse.columns(f"raw.{table}").keys():
                warehouse.execute(f"alter table raw.{table} add column {extra} varchar")
            marks = ", ".join("?" for _ in full)
            warehouse.execute(f"insert into raw.{table} ({', '.join(full)}) values ({marks})", list(full.values()))
        build(warehouse, models, schemas=["staging"])
        return warehouse.rows(query)

    return run


def test_a_session_delivered_twice_counts_once_in_the_version_known_latest(stage: Stage) -> None:
    rows = [
        {"customer_id": "C1", "started_at": day(1), "duration_minutes": 5.0, "known_at": day(2)},
        {"customer_id": "C1", "started_at": day(1), "duration_minutes": 7.0, "known_at": day(3)},
        {"customer_id": "C1", "started_at": day(1), "duration_minutes": 6.0},
        {"customer_id": "C2", "started_at": day(1), "duration_minutes": 1.0, "device": "ios"},
    ]
    found = stage("sessions", "select * from staging.sessions order by 1", rows)
    assert found == [("C1", day(1), day(3), 7.0, None), ("C2", day(1), day(1), 1.0, "ios")]


def test_of_equal_versions_the_last_delivered_counts(stage: Stage) -> None:
    rows = [
        {"payment_id": "P1", "customer_id": "C1", "attempted_at": day(1), "amount": 1.0, "status": "FAILED"},
        {"payment_id": "P1", "customer_id": "C1", "attempted_at": day(1), "amount": 2.0, "status": "Succeeded"},
    ]
    found = stage("payments", "select payment_id, amount, status, available_at from staging.payments", rows)
    assert found == [("P1", 2.0, "succeeded", day(1))]


def test_a_customer_has_one_row_per_instant_of_new_knowledge(stage: Stage) -> None:
    rows = [
        {"customer_id": "C1", "signed_up_at": day(1), "city": "Bonn"},
        {"customer_id": "C1", "signed_up_at": day(1), "city": "Ulm", "known_at": day(9)},
        {"customer_id": "C1", "signed_up_at": day(1), "city": "Ulm", "known_at": day(9)},
        {"customer_id": "C2", "city": "Kiel"},
    ]
    query = "select customer_id, city, occurred_at, available_at from staging.customers order by 1, 4"
    assert stage("customers", query, rows) == [
        ("C1", "Bonn", day(1), day(1)),
        ("C1", "Ulm", day(1), day(9)),
        ("C2", "Kiel", datetime(1900, 1, 1), datetime(1900, 1, 1)),
    ]


def test_a_ticket_closed_later_is_one_ticket(stage: Stage) -> None:
    rows = [
        {"ticket_id": "T1", "customer_id": "C1", "opened_at": day(1)},
        {"ticket_id": "T1", "customer_id": "C1", "opened_at": day(1), "closed_at": day(4), "known_at": day(4)},
    ]
    found = stage("support_tickets", "select ticket_id, closed_at, available_at from staging.support_tickets", rows)
    assert found == [("T1", day(4), day(4))]


def test_equal_events_are_different_events(stage: Stage) -> None:
    row = {"customer_id": "C1", "event_type": "post", "occurred_at": day(1), "quantity": 2.0}
    found = stage("events", "select event_type, available_at, quantity from staging.events", [row, row])
    assert found == [("post", day(1), 2.0)] * 2


def test_contacts_are_told_apart_by_campaign_and_channel(stage: Stage) -> None:
    row = {"customer_id": "C1", "contacted_at": day(1), "campaign": "spring", "channel": "mail"}
    found = stage("contacts", "select channel from staging.contacts order by 1", [row, row, row | {"channel": "phone"}])
    assert found == [("mail",), ("phone",)]


def test_a_flat_source_has_one_row_per_customer_and_date(stage: Stage) -> None:
    rows = [{"customer_id": "C1", "tenure": "1"}, {"customer_id": "C1", "tenure": "2"}]
    found = stage("customer_snapshots", "select * from staging.customer_snapshots", rows)
    assert found == [("C1", None, None, "2")]


EVENTS = """
select subscription_id, event_type, occurred_at, available_at
from staging.subscription_events order by occurred_at, event_type
"""


def subscription(**values: Any) -> dict[str, Any]:
    return {"subscription_id": "S1", "customer_id": "C1", "started_at": day(1)} | values


def test_a_subscription_is_told_as_its_events(stage: Stage) -> None:
    row = subscription(canceled_at=day(10), ended_at=day(31), plan="basic", monthly_fee=9.0, end_reason="Voluntary")
    found = stage("subscriptions", "select * from staging.subscription_events order by occurred_at", [row])
    common = ("basic", 9.0, "voluntary")
    assert found == [
        ("C1", "S1", "started", day(1), day(1), *common),
        ("C1", "S1", "canceled", day(10), day(10), *common),
        ("C1", "S1", "ended", day(31), day(31), *common),
    ]


def test_known_at_dates_the_latest_event_only(stage: Stage) -> None:
    found = stage("subscriptions", EVENTS, [subscription(canceled_at=day(10), known_at=day(15))])
    assert found == [("S1", "started", day(1), day(1)), ("S1", "canceled", day(10), day(15))]


def test_an_event_is_known_since_its_first_version(stage: Stage) -> None:
    rows = [
        subscription(known_at=day(2)),
        subscription(canceled_at=day(10), known_at=day(12)),
        subscription(canceled_at=day(10), ended_at=day(31), known_at=day(31)),
        subscription(canceled_at=day(10), ended_at=day(31), plan="late", known_at=day(5, month=2)),
    ]
    assert stage("subscriptions", EVENTS, rows) == [
        ("S1", "started", day(1), day(2)),
        ("S1", "canceled", day(10), day(12)),
        ("S1", "ended", day(31), day(31)),
    ]


def test_what_we_knew_does_not_depend_on_what_came_later(stage: Stage) -> None:
    before = stage("subscriptions", EVENTS, [subscription(), subscription(canceled_at=day(10), known_at=day(12))])
    later = subscription(canceled_at=day(10), ended_at=day(20), plan="other", known_at=day(25))
    after = stage("subscriptions", EVENTS, [later])
    assert [event for event in after if event[3] < day(25)] == before


def test_a_planned_end_that_was_moved_before_it_came_never_was(stage: Stage) -> None:
    rows = [
        subscription(canceled_at=day(10), ended_at=day(31), known_at=day(10)),
        subscription(canceled_at=day(10), ended_at=day(20), known_at=day(15)),
    ]
    assert [event[:3] for event in stage("subscriptions", EVENTS, rows)] == [
        ("S1", "started", day(1)),
        ("S1", "canceled", day(10)),
        ("S1", "ended", day(20)),
    ]


def test_a_cancellation_taken_back_is_followed_by_a_new_start(stage: Stage) -> None:
    rows = [subscription(canceled_at=day(10), ended_at=day(31), known_at=day(10)), subscription(known_at=day(14))]
    assert stage("subscriptions", EVENTS, rows) == [
        ("S1", "started", day(1), day(1)),
        ("S1", "canceled", day(10), day(10)),
        ("S1 resumed 2026-01-14 00:00:00", "started", day(14), day(14)),
    ]


def test_delivered_columns_may_bear_the_names_of_working_columns(warehouse: Warehouse, tmp_path: Path) -> None:
    head = "subscription_id,customer_id,started_at,nth,told_at,event_type"
    (tmp_path / "s.csv").write_text(f"{head}\nS1,C1,2026-01-01,Bonn,x,y\n")
    ingest(warehouse, {"subscriptions": SourceSettings(path=str(tmp_path / "s.csv"))}, now=NOW)
    build(warehouse, load_models(tmp_path), schemas=["staging"])
    query = "select nth_delivered, told_at_delivered, event_type_delivered, event_type from staging.subscription_events"
    assert warehouse.rows(query) == [("Bonn", "x", "y", "started")]
