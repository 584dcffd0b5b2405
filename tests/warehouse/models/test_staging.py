"""Staging: given raw rows, expect facts with when they happened and since when we know."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from churn.config import SourceSettings
from churn.warehouse import Warehouse, load_models
from churn.warehouse.loading.ingest import ingest
from churn.warehouse.models.build import build
from tests.warehouse.conftest import NOW
from tests.warehouse.placing import place

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
            place(warehouse, table, pl.DataFrame([full]))
        build(warehouse, models, schemas=["staging"])
        return warehouse.rows(query)

    return run


def test_each_version_of_a_session_counts_until_the_next_is_known(stage: Stage) -> None:
    rows = [
        {"customer_id": "C1", "started_at": day(1), "duration_minutes": 5.0, "known_at": day(2)},
        {"customer_id": "C1", "started_at": day(1), "duration_minutes": 7.0, "known_at": day(3)},
        {"customer_id": "C2", "started_at": day(1), "duration_minutes": 1.0, "device": "ios"},
    ]
    found = stage("sessions", "select * from staging.sessions order by customer_id, fact_version", rows)
    assert found == [
        ("C1", day(1), day(2), day(3), 1, 5.0, None),
        ("C1", day(1), day(3), None, 2, 7.0, None),
        ("C2", day(1), day(1), None, 1, 1.0, "ios"),
    ]


PAYMENTS = """
select amount, status, available_at, superseded_at from staging.payments order by payment_id, fact_version
"""


def payment(**values: Any) -> dict[str, Any]:
    row = {"payment_id": "P1", "customer_id": "C1", "attempted_at": day(1), "amount": 1.0, "status": "FAILED"}
    return row | {"load_id": 1, "loaded_at": day(2)} | values


def test_of_rows_of_one_load_that_nothing_dates_the_last_counts(stage: Stage) -> None:
    rows = [payment(), payment(amount=2.0, status="Succeeded", row_number=2)]
    assert stage("payments", PAYMENTS, rows) == [(2.0, "succeeded", day(1), None)]


def test_what_a_later_load_says_otherwise_is_known_from_that_load(stage: Stage) -> None:
    rows = [payment(), payment(status="succeeded", load_id=2, loaded_at=day(15))]
    assert stage("payments", PAYMENTS, rows) == [
        (1.0, "failed", day(1), day(15)),
        (1.0, "succeeded", day(15), None),
    ]


def test_a_later_load_cannot_have_been_known_when_an_earlier_one_said_otherwise_of_the_same_instant(
    stage: Stage,
) -> None:
    rows = [payment(known_at=day(1)), payment(status="succeeded", known_at=day(1), load_id=2, loaded_at=day(15))]
    assert stage("payments", PAYMENTS, rows) == [
        (1.0, "failed", day(1), day(15)),
        (1.0, "succeeded", day(15), None),
    ]


def test_a_row_that_repeats_what_was_known_is_no_version(stage: Stage) -> None:
    rows = [
        payment(),
        payment(load_id=2, loaded_at=day(3)),
        payment(known_at=day(5), load_id=3, loaded_at=day(6)),
        payment(amount=2.0, load_id=4, loaded_at=day(8)),
        payment(amount=2.0, load_id=5, loaded_at=day(9)),
    ]
    assert stage("payments", PAYMENTS, rows) == [(1.0, "failed", day(1), day(8)), (2.0, "failed", day(8), None)]


def test_a_history_delivered_again_as_a_whole_adds_nothing(stage: Stage) -> None:
    failed, paid = payment(known_at=day(1)), payment(known_at=day(15), status="succeeded", row_number=2)
    rows = [row | {"load_id": load, "loaded_at": day(20 + load)} for load in (1, 2) for row in (failed, paid)]
    assert stage("payments", PAYMENTS, rows) == [
        (1.0, "failed", day(1), day(15)),
        (1.0, "succeeded", day(15), None),
    ]


def test_a_version_loaded_first_but_known_later_is_the_newest(stage: Stage) -> None:
    rows = [
        payment(status="refunded", known_at=day(20), loaded_at=day(25)),
        payment(status="succeeded", known_at=day(3), load_id=2, loaded_at=day(26)),
    ]
    assert stage("payments", PAYMENTS, rows) == [
        (1.0, "succeeded", day(3), day(20)),
        (1.0, "refunded", day(20), None),
    ]


def test_what_was_planned_and_called_off_before_it_came_never_counts(stage: Stage) -> None:
    rows = [
        payment(attempted_at=day(20), status="planned"),
        payment(attempted_at=day(20), status="called off", load_id=2, loaded_at=day(9)),
    ]
    assert stage("payments", PAYMENTS, rows) == [
        (1.0, "planned", day(20), day(20)),
        (1.0, "called off", day(9), None),
    ]


def test_a_payment_of_merged_accounts_belongs_to_each_owner_in_turn(stage: Stage) -> None:
    rows = [payment(), payment(customer_id="C2", load_id=2, loaded_at=day(15))]
    query = "select customer_id, available_at, superseded_at from staging.payments order by fact_version"
    assert stage("payments", query, rows) == [("C1", day(1), day(15)), ("C2", day(15), None)]


def test_a_customer_has_one_row_per_instant_of_new_knowledge(stage: Stage) -> None:
    rows = [
        {"customer_id": "C1", "signed_up_at": day(1), "city": "Bonn"},
        {"customer_id": "C1", "signed_up_at": day(1), "city": "Ulm", "known_at": day(9)},
        {"customer_id": "C1", "signed_up_at": day(1), "city": "Ulm", "known_at": day(9)},
        {"customer_id": "C2", "city": "Kiel"},
    ]
    query = "select customer_id, city, occurred_at, available_at, superseded_at from staging.customers order by 1, 4"
    assert stage("customers", query, rows) == [
        ("C1", "Bonn", day(1), day(1), day(9)),
        ("C1", "Ulm", day(1), day(9), None),
        ("C2", "Kiel", datetime(1900, 1, 1), datetime(1900, 1, 1), None),
    ]


def test_a_customer_who_moved_lived_there_before(stage: Stage) -> None:
    row = {"customer_id": "C1", "signed_up_at": day(1), "city": "Bonn", "load_id": 1, "loaded_at": day(2)}
    rows = [row, row | {"city": "Ulm", "load_id": 2, "loaded_at": day(15)}]
    query = "select city, available_at, superseded_at from staging.customers order by fact_version"
    assert stage("customers", query, rows) == [("Bonn", day(1), day(15)), ("Ulm", day(15), None)]


def test_a_ticket_closed_later_was_open_before(stage: Stage) -> None:
    rows = [
        {"ticket_id": "T1", "customer_id": "C1", "opened_at": day(1)},
        {"ticket_id": "T1", "customer_id": "C1", "opened_at": day(1), "closed_at": day(4), "known_at": day(4)},
    ]
    query = (
        "select ticket_id, closed_at, available_at, superseded_at from staging.support_tickets order by fact_version"
    )
    assert stage("support_tickets", query, rows) == [("T1", None, day(1), day(4)), ("T1", day(4), day(4), None)]


@pytest.mark.parametrize("second", ["known by its own time", "known when it happened"])
def test_of_two_rows_of_one_file_known_at_one_time_the_later_row_counts(stage: Stage, second: str) -> None:
    rows = {
        "known by its own time": {"attempted_at": day(2), "amount": 5.0, "known_at": day(1)},
        "known when it happened": {"attempted_at": day(1), "amount": 7.0},
    }
    placed = [
        row | {"payment_id": "P1", "customer_id": "C1", "load_id": 1, "row_number": 1 + (name == second)}
        for name, row in rows.items()
    ]
    query = "select amount from staging.payments order by fact_version desc limit 1"
    assert stage("payments", query, placed) == [(rows[second]["amount"],)]


def test_equal_events_without_an_id_are_different_events(stage: Stage) -> None:
    row = {"customer_id": "C1", "event_type": "post", "occurred_at": day(1), "quantity": 2.0}
    found = stage("events", "select event_type, available_at, quantity from staging.events", [row, row])
    assert found == [("post", day(1), 2.0)] * 2


def test_an_event_delivered_twice_under_one_id_counts_once(stage: Stage) -> None:
    row = {"customer_id": "C1", "event_type": "post", "occurred_at": day(1), "event_id": "e1"}
    rows = [row, row, row | {"event_type": "like", "known_at": day(5)}, row | {"event_id": "e2"}]
    query = "select event_id, event_type, superseded_at from staging.events order by event_id, fact_version"
    assert stage("events", query, rows) == [("e1", "post", day(5)), ("e1", "like", None), ("e2", "post", None)]


def test_events_with_and_without_ids_are_added_load_by_load(warehouse: Warehouse, tmp_path: Path) -> None:
    source = {"events": SourceSettings(path=str(tmp_path / "*.csv"))}
    models = load_models(tmp_path)
    deliveries = ["C1,post,2026-01-01,e1\nC1,like,2026-01-01,\n", "C1,post,2026-01-01,e1\nC1,like,2026-01-01,\n"]
    counts = []
    for number, lines in enumerate(deliveries):
        (tmp_path / f"{number}.csv").write_text(f"customer_id,event_type,occurred_at,event_id\n{lines}")
        ingest(warehouse, source, now=NOW)
        build(warehouse, models, schemas=["staging"])
        counts.append(warehouse.rows("select count(event_id), count(*) from staging.events")[0])
    assert counts == [(1, 2), (1, 3)]


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
        ("C1", "S1", "started", day(1), day(1), None, *common, False, None, None),
        ("C1", "S1", "canceled", day(10), day(10), None, *common, False, None, None),
        ("C1", "S1", "ended", day(31), day(31), None, *common, True, None, None),
    ]


@pytest.mark.parametrize(
    ("row", "term_end"),
    [
        ({"ended_at": day(31), "known_at": day(1)}, day(31)),  # a term that was bought with its end
        ({"ended_at": day(31), "known_at": day(1), "term_end": day(20)}, day(20)),
        ({"ended_at": day(31), "known_at": day(15)}, None),  # an end that was told later, as of a notice
        ({"ended_at": day(31), "canceled_at": day(1), "known_at": day(1)}, None),
        ({"ended_at": day(31)}, None),  # of which nobody knows when it was told
    ],
)
def test_an_end_told_as_the_subscription_begins_is_that_of_its_term(
    stage: Stage, row: dict[str, Any], term_end: datetime | None
) -> None:
    query = "select term_end from staging.subscription_events where event_type = 'started'"
    assert stage("subscriptions", query, [subscription(**row)]) == [(term_end,)]


ANNOUNCED = "select is_announced from staging.subscription_events where event_type = 'ended' and superseded_at is null"


@pytest.mark.parametrize(
    ("rows", "is_announced"),
    [
        ([{"ended_at": day(10)}], True),  # whoever loads a file late cannot tell a plan from a fact
        ([{"ended_at": day(10), "known_at": day(9)}], True),
        ([{"ended_at": day(10), "known_at": day(10)}], False),
        ([{"ended_at": day(10), "end_reason": "payment_failure"}], False),
        ([{"load_id": 1, "loaded_at": day(5)}, {"load_id": 2, "loaded_at": day(12), "ended_at": day(10)}], False),
        ([{"load_id": 1, "loaded_at": day(5)}, {"load_id": 2, "loaded_at": day(8), "ended_at": day(10)}], True),
    ],
)
def test_an_end_is_announced_unless_something_says_that_it_was_told_once_it_had_come(
    stage: Stage, rows: list[dict[str, Any]], is_announced: bool
) -> None:
    assert stage("subscriptions", ANNOUNCED, [subscription(**row) for row in rows]) == [(is_announced,)]


def test_known_at_dates_the_latest_event_only(stage: Stage) -> None:
    found = stage("subscriptions", EVENTS, [subscription(canceled_at=day(10), known_at=day(15))])
    assert found == [("S1", "started", day(1), day(1)), ("S1", "canceled", day(10), day(15))]


def test_an_event_is_known_since_it_was_first_told(stage: Stage) -> None:
    rows = [
        subscription(known_at=day(2)),
        subscription(canceled_at=day(10), known_at=day(12)),
        subscription(canceled_at=day(10), ended_at=day(31), known_at=day(31)),
        subscription(canceled_at=day(10), ended_at=day(31), known_at=day(5, month=2)),
    ]
    assert stage("subscriptions", EVENTS, rows) == [
        ("S1", "started", day(1), day(2)),
        ("S1", "canceled", day(10), day(12)),
        ("S1", "ended", day(31), day(31)),
    ]


TELLINGS = """
select customer_id, event_type, occurred_at, monthly_fee, available_at, superseded_at from staging.subscription_events
order by event_type, available_at
"""


def test_a_fee_that_rose_in_place_counts_from_when_it_was_known(stage: Stage) -> None:
    rows = [
        subscription(monthly_fee=10.0, load_id=1, loaded_at=day(2)),
        subscription(monthly_fee=12.0, canceled_at=day(14), load_id=2, loaded_at=day(15)),
    ]
    assert stage("subscriptions", TELLINGS, rows) == [
        ("C1", "canceled", day(14), 12.0, day(14), None),
        ("C1", "started", day(1), 10.0, day(1), day(15)),
        ("C1", "started", day(1), 12.0, day(15), None),
    ]


def test_a_subscription_of_merged_accounts_belongs_to_each_owner_in_turn(stage: Stage) -> None:
    rows = [
        subscription(canceled_at=day(10), load_id=1, loaded_at=day(11)),
        subscription(customer_id="C2", canceled_at=day(10), load_id=2, loaded_at=day(15)),
    ]
    assert stage("subscriptions", TELLINGS, rows) == [
        ("C1", "canceled", day(10), None, day(10), day(15)),
        ("C2", "canceled", day(10), None, day(15), None),
        ("C1", "started", day(1), None, day(1), day(15)),
        ("C2", "started", day(1), None, day(15), None),
    ]


def test_an_end_that_a_later_load_takes_back_is_followed_by_a_new_start(stage: Stage) -> None:
    rows = [
        subscription(ended_at=day(10), load_id=1, loaded_at=day(11)),
        subscription(load_id=2, loaded_at=day(20)),
    ]
    assert stage("subscriptions", EVENTS, rows) == [
        ("S1", "started", day(1), day(1)),
        ("S1", "ended", day(10), day(10)),
        ("S1 resumed 2026-01-20 00:00:00", "started", day(20), day(20)),
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


def test_an_end_taken_back_is_one_new_start_however_often_the_subscription_is_delivered_again(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    models = load_models(tmp_path)
    head = "subscription_id,customer_id,started_at,canceled_at,seats\n"
    source = SourceSettings(path=str(tmp_path / "s-*.csv"))
    for number, canceled in enumerate(("", "2026-01-10", "", "", "")):
        (tmp_path / f"s-{number}.csv").write_text(f"{head}S1,C1,2026-01-01,{canceled},{number // 4}\n")
        ingest(warehouse, {"subscriptions": source}, now=day(12 + number))
        build(warehouse, models, schemas=["staging"], names=["staging.subscription_events"])
    query = "select * from staging.subscription_events order by all"
    bit_by_bit = warehouse.rows(query)
    assert {row[1:4] for row in bit_by_bit if "resumed" in row[1]} == {
        ("S1 resumed 2026-01-14 00:00:00", "started", day(14))
    }
    seats = (
        "select seats, superseded_at is null from staging.subscription_events where subscription_id like '%resumed%'"
    )
    assert warehouse.rows(f"{seats} order by available_at") == [(0, False), (1, True)]
    warehouse.execute("drop table raw.builds")
    build(warehouse, models, schemas=["staging"], names=["staging.subscription_events"])
    assert warehouse.rows(query) == bit_by_bit


def test_delivered_columns_may_bear_the_names_of_working_columns(warehouse: Warehouse, tmp_path: Path) -> None:
    head = "subscription_id,customer_id,started_at,fact_version,superseded_at,event_type"
    (tmp_path / "s.csv").write_text(f"{head}\nS1,C1,2026-01-01,Bonn,x,y\n")
    ingest(warehouse, {"subscriptions": SourceSettings(path=str(tmp_path / "s.csv"))}, now=NOW)
    build(warehouse, load_models(tmp_path), schemas=["staging"])
    query = (
        "select fact_version_delivered, superseded_at_delivered, event_type_delivered, event_type "
        "from staging.subscription_events"
    )
    assert warehouse.rows(query) == [("Bonn", "x", "y", "started")]


def test_a_log_of_changes_tells_of_a_deletion_as_the_documentation_says(warehouse: Warehouse, tmp_path: Path) -> None:
    head = "op,ts,subscription_id,customer_id,started_at,ended_at,monthly_fee\n"
    rows = "I,2026-01-01,S1,C1,2026-01-01,,10\nU,2026-01-05,S1,C1,2026-01-01,,20\nD,2026-01-10,S1,C1,2026-01-01,,20\n"
    (tmp_path / "log.csv").write_text(head + rows)
    columns = {"known_at": "ts", "ended_at": "case when op = 'D' then ts else ended_at end"}
    source = SourceSettings(path=str(tmp_path / "log.csv"), columns=columns)
    ingest(warehouse, {"subscriptions": source}, now=NOW)
    build(warehouse, load_models(tmp_path), schemas=["staging"])
    query = "select monthly_fee, ended_at, available_at, superseded_at from staging.subscriptions order by fact_version"
    assert warehouse.rows(query) == [
        (10.0, None, day(1), day(5)),
        (20.0, None, day(5), day(10)),
        (20.0, day(10), day(10), None),
    ]


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
def test_an_objection_in_any_of_a_customer_s_rows_of_one_load_counts(stage: Stage, order: tuple[int, ...]) -> None:
    """A list of a mailing tool has a row for each channel, in any order."""
    told = [
        {"customer_id": "C1", "city": "x", "objected_at": day(2), "marketing_consent": True},
        {"customer_id": "C1", "city": "x", "objected_at": None, "marketing_consent": False},
        {"customer_id": "C1", "city": "x", "objected_at": None, "marketing_consent": None},
    ]
    rows = [{**told[number], "load_id": 1, "row_number": place} for place, number in enumerate(order)]
    found = stage("customers", "select objected_at, marketing_consent from staging.customers", rows)
    assert found == [(day(2), False)]


def test_an_objection_that_a_later_load_adds_to_an_earlier_row_of_a_customer_counts(stage: Stage) -> None:
    rows = [
        {"customer_id": "C1", "load_id": load, "row_number": number, "objected_at": objected, "channel": channel}
        for load, first in ((1, None), (2, day(2)))
        for number, (channel, objected) in enumerate((("email", first), ("sms", None)))
    ]
    found = stage("customers", "select objected_at from staging.customers where superseded_at is null", rows)
    assert found == [(day(2),)]
