"""A fact that comes late was not known on a day when its source was loaded without it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from churn.warehouse import Warehouse, load_models
from churn.warehouse.loading.ingest import LoadResult
from churn.warehouse.models.build import build

Load = Callable[..., LoadResult]
Put = Callable[[str, str], Path]
FIRST_NIGHT = datetime(2026, 6, 11, 2)
DAY = timedelta(days=1)
HEADS = {
    "payments": "payment_id,customer_id,attempted_at\n",
    "sessions": "customer_id,started_at\n",
    "churn_events": "customer_id,churned_at\n",
    "customers": "customer_id,signed_up_at\n",
}
NIGHT_OF_LATE_ONES = "K,2026-06-08 09:00\nL,2026-06-11 09:00\n"  # one that came late, and one of the day


def told(table: str, rows: str) -> str:
    """Return a file; a payment's id is its customer's."""
    lines = [f"{line[0]},{line}" if table == "payments" else line for line in rows.splitlines()]
    return HEADS[table] + "\n".join(lines) + "\n"


def known(warehouse: Warehouse, tmp_path: Path, table: str) -> dict[str, datetime]:
    build(warehouse, load_models(tmp_path), schemas=["staging"])
    rows = warehouse.rows(f"select customer_id, min(available_at) from staging.{table} group by 1")
    return {str(who): at for who, at in rows}


@pytest.mark.parametrize("table", HEADS)
@pytest.mark.parametrize("is_whole", [True, False], ids=["overwritten", "what is new"])
def test_a_fact_that_comes_late_counts_from_the_load_without_it(
    warehouse: Warehouse, load: Load, put: Put, tmp_path: Path, table: str, *, is_whole: bool
) -> None:
    first = "A,2026-03-01 08:00\nB,2026-06-07 08:00\nC,2026-06-10 23:30\n"
    put("1.csv", told(table, first))
    load(table, "*.csv", now=FIRST_NIGHT)
    new = NIGHT_OF_LATE_ONES + "M,2026-03-05 09:00\nN,2026-01-05 09:00\n"  # and two of history
    put("1.csv" if is_whole else "2.csv", told(table, (first if is_whole else "") + new))
    load(table, "*.csv", now=FIRST_NIGHT + DAY)
    at = known(warehouse, tmp_path, table)
    assert at["K"] == datetime(2026, 6, 11)  # the midnight after the newest fact that the first night told of
    assert {who: at[who] for who in "ABCLMN"} == {
        "A": datetime(2026, 3, 1, 8),
        "B": datetime(2026, 6, 7, 8),
        "C": datetime(2026, 6, 10, 23, 30),
        "L": datetime(2026, 6, 11, 9),
        "M": datetime(2026, 3, 5, 9),
        "N": datetime(2026, 1, 5, 9),
    }
    put("3.csv", told(table, "P,2026-06-12 09:00\n"))
    load(table, "*.csv", now=FIRST_NIGHT + 2 * DAY)
    assert {who: known(warehouse, tmp_path, table)[who] for who in at} == at


@pytest.mark.parametrize(
    ("hours", "settings"), [(9, {}), (24, {"where": "customer_id <> 'Z'"})], ids=["the same day", "other settings"]
)
def test_what_is_part_of_the_first_delivery_counts_from_when_it_happened(
    warehouse: Warehouse, load: Load, put: Put, tmp_path: Path, hours: int, settings: dict[str, str]
) -> None:
    put("1.csv", told("sessions", "A,2026-03-01 08:00\nC,2026-06-10 23:30\n"))
    load("sessions", "*.csv", now=FIRST_NIGHT)
    put("2.csv", told("sessions", NIGHT_OF_LATE_ONES))
    load("sessions", "*.csv", now=FIRST_NIGHT + timedelta(hours=hours), **settings)
    assert known(warehouse, tmp_path, "sessions")["K"] == datetime(2026, 6, 8, 9)


def test_what_bears_known_at_keeps_it(warehouse: Warehouse, load: Load, put: Put, tmp_path: Path) -> None:
    for number, rows in enumerate(("C,2026-06-10 23:30", "K,2026-06-08 09:00")):
        put(f"{number}.csv", told("sessions", rows))
        load("sessions", "*.csv", now=FIRST_NIGHT + number * DAY, columns={"known_at": "started_at"})
    assert known(warehouse, tmp_path, "sessions")["K"] == datetime(2026, 6, 8, 9)


def test_events_without_an_id_that_come_again_are_not_late(
    warehouse: Warehouse, load: Load, put: Put, tmp_path: Path
) -> None:
    head = "customer_id,event_type,occurred_at\n"
    for number, rows in enumerate(("A,post,2026-06-08 09:00\n", "A,post,2026-06-08 09:00\nA,post,2026-06-11 09:00\n")):
        put("e.csv", head + rows)
        load("events", "e.csv", now=FIRST_NIGHT + number * DAY)
    assert known(warehouse, tmp_path, "events") == {"A": datetime(2026, 6, 8, 9)}


SUBSCRIPTIONS = "subscription_id,customer_id,started_at,canceled_at,ended_at\n"
EVENTS = "select subscription_id, event_type, occurred_at, available_at from staging.subscription_events order by all"


def test_an_end_that_is_told_late_was_not_known_before(
    warehouse: Warehouse, load: Load, put: Put, tmp_path: Path
) -> None:
    put("s.csv", SUBSCRIPTIONS + "S1,A,2025-01-01,,\nS2,B,2026-06-10 12:00,,\n")
    load("subscriptions", "s.csv", now=FIRST_NIGHT)
    put("s.csv", SUBSCRIPTIONS + "S1,A,2025-01-01,,2026-04-01\nS2,B,2026-06-10 12:00,,\nS3,C,2025-05-01,,2026-06-02\n")
    load("subscriptions", "s.csv", now=FIRST_NIGHT + DAY)
    build(warehouse, load_models(tmp_path), schemas=["staging"])
    assert [row for row in warehouse.rows(EVENTS) if row[0] != "S2"] == [
        ("S1", "ended", datetime(2026, 4, 1), datetime(2026, 6, 11)),
        ("S1", "started", datetime(2025, 1, 1), datetime(2025, 1, 1)),
        ("S3", "ended", datetime(2026, 6, 2), datetime(2026, 6, 2)),  # history of somebody who was not told of
        ("S3", "started", datetime(2025, 5, 1), datetime(2025, 5, 1)),
    ]


def test_a_second_decision_to_leave_ends_what_the_first_one_taken_back_resumed(
    warehouse: Warehouse, load: Load, put: Put, tmp_path: Path
) -> None:
    head = "subscription_id,customer_id,started_at,plan,canceled_at,ended_at,changed\n"
    put(
        "s.csv",
        head + "S1,A,2026-01-01,basic,,,2026-01-01\n"
        "S1,A,2026-01-01,basic,2026-02-03,,2026-02-03\n"
        "S1,A,2026-01-01,basic,2026-02-03,2026-02-10,2026-02-05\n"
        "S1,A,2026-01-01,basic,,,2026-02-08\n"
        "S1,A,2026-01-01,pro,,,2026-02-20\n"
        "S1,A,2026-01-01,pro,2026-03-05,2026-03-31,2026-03-05\n",
    )
    load("subscriptions", "s.csv", columns={"known_at": "changed"})
    build(warehouse, load_models(tmp_path), schemas=["staging"])
    again = "S1 resumed 2026-02-08 00:00:00"
    rows = warehouse.rows(
        "select subscription_id, event_type, occurred_at, available_at, superseded_at, plan"
        " from staging.subscription_events order by subscription_id, available_at, event_type"
    )
    assert [(name, *row) for name, *row in rows] == [
        ("S1", "started", datetime(2026, 1, 1), datetime(2026, 1, 1), None, "basic"),
        ("S1", "canceled", datetime(2026, 2, 3), datetime(2026, 2, 3), None, "basic"),
        (again, "started", datetime(2026, 2, 8), datetime(2026, 2, 8), datetime(2026, 2, 20), "basic"),
        (again, "started", datetime(2026, 2, 8), datetime(2026, 2, 20), None, "pro"),
        (again, "canceled", datetime(2026, 3, 5), datetime(2026, 3, 5), None, "pro"),
        (again, "ended", datetime(2026, 3, 31), datetime(2026, 3, 5), None, "pro"),
    ]
