"""A file that is overwritten in place loses nothing that was known before."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from churn.warehouse import Warehouse
from churn.warehouse.loading.ingest import LoadResult
from tests.warehouse.conftest import NOW

Load = Callable[..., LoadResult]
Put = Callable[[str, str], Path]
PAYMENTS = "payment_id,customer_id,attempted_at,amount,status\n"
DAY = timedelta(days=1)


def versions(warehouse: Warehouse) -> list[tuple[str, str, int]]:
    found = warehouse.rows("select payment_id, status, load_id from raw.payments order by payment_id, load_id")
    return [(key, status, load_id) for key, status, load_id in found]


def test_a_row_that_changed_stays_beside_its_successor_and_one_that_did_not_keeps_its_load(
    warehouse: Warehouse, load: Load, put: Put
) -> None:
    put("p.csv", PAYMENTS + "P1,A,2026-02-01,10,succeeded\nP2,B,2026-02-01,10,failed\nP3,C,2026-02-01,10,failed\n")
    load("payments", "p.csv")
    put("p.csv", PAYMENTS + "P1,A,2026-02-01,10,succeeded\nP2,B,2026-02-01,10,succeeded\nP4,D,2026-02-02,5,failed\n")
    load("payments", "p.csv", now=NOW + DAY)
    assert versions(warehouse) == [
        ("P1", "succeeded", 1),
        ("P2", "failed", 1),
        ("P2", "succeeded", 2),
        ("P4", "failed", 2),
    ]
    loaded = dict(warehouse.rows("select payment_id, min(loaded_at) from raw.payments group by 1"))
    assert loaded["P1"] == NOW
    assert loaded["P4"] == NOW + DAY


def test_a_value_that_went_back_is_the_newest_version(warehouse: Warehouse, load: Load, put: Put) -> None:
    for number, status in enumerate(("failed", "succeeded", "failed")):
        put("p.csv", PAYMENTS + f"P1,A,2026-02-01,10,{status}\n")
        load("payments", "p.csv", now=NOW + number * DAY)
    assert versions(warehouse) == [("P1", "failed", 1), ("P1", "succeeded", 2), ("P1", "failed", 3)]


@pytest.mark.parametrize("times", [1, 3])
def test_loading_everything_again_changes_no_stamp(warehouse: Warehouse, load: Load, put: Put, times: int) -> None:
    put("p.csv", PAYMENTS + "P1,A,2026-02-01,10,failed\n")
    load("payments", "p.csv")
    put("p.csv", PAYMENTS + "P1,A,2026-02-01,10,succeeded\n")
    load("payments", "p.csv", now=NOW + DAY)
    before = warehouse.rows("select * from raw.payments order by load_id")
    for number in range(times):
        load("payments", "p.csv", now=NOW + (2 + number) * DAY, full=True)
    assert warehouse.rows("select * from raw.payments order by load_id") == before


@pytest.mark.parametrize("table", ["payments", "customers"])
@pytest.mark.parametrize("is_whole", [True, False], ids=["a dump each night", "what changed each night"])
def test_loading_the_files_of_many_nights_again_changes_no_stamp(
    warehouse: Warehouse, load: Load, put: Put, table: str, *, is_whole: bool
) -> None:
    head = "payment_id,customer_id,attempted_at,status\n" if table == "payments" else "customer_id,signed_up_at,city\n"
    nights = (("a", "b", "c"), ("a", "x", "c"), ("a", "x", "y"), ("a", "b", "y"))  # what each says of three of them
    before = ("", "", "")
    for number, words in enumerate(nights):
        told = [
            f"{n},{'A,' if table == 'payments' else ''}2026-02-01,{word}\n"
            for n, word in enumerate(words)
            if is_whole or word != before[n]
        ]
        put(f"n{number}.csv", head + "".join(told))
        load(table, "n*.csv", now=NOW + number * DAY)
        before = words
    rows = f"select * from raw.{table} order by all"
    kept = warehouse.rows(rows)
    for number in range(2):
        load(table, "n*.csv", now=NOW + (9 + number) * DAY, full=True)
        assert warehouse.rows(rows) == kept


def test_a_fact_that_moves_to_another_file_of_an_export_in_parts_keeps_when_it_was_told(
    warehouse: Warehouse, load: Load, put: Put
) -> None:
    put("p1.csv", PAYMENTS + "P1,A,2026-02-01,10,failed\nP2,B,2026-02-01,10,failed\n")
    put("p2.csv", PAYMENTS + "P3,C,2026-02-01,10,failed\n")
    load("payments", "p*.csv")
    put("p1.csv", PAYMENTS + "P1,A,2026-02-01,10,failed\n")
    put("p2.csv", PAYMENTS + "P2,B,2026-02-01,10,failed\nP3,C,2026-02-01,10,succeeded\n")
    load("payments", "p*.csv", now=NOW + DAY)
    assert {(key, status) for key, status, load_id in versions(warehouse) if load_id == 1} == {
        ("P1", "failed"),
        ("P2", "failed"),
        ("P3", "failed"),
    }
    assert len(versions(warehouse)) == 4


def test_versions_that_carry_when_they_were_known_are_kept_apart(warehouse: Warehouse, load: Load, put: Put) -> None:
    header = "payment_id,customer_id,attempted_at,status,known_at\n"
    first, second = "P1,A,2026-02-01,failed,2026-02-01\n", "P1,A,2026-02-01,succeeded,2026-02-15\n"
    put("p.csv", header + first)
    load("payments", "p.csv")
    for number in (1, 2):
        put("p.csv", header + first + second + f"P{number + 1},B,2026-02-01,failed,2026-02-01\n")
        load("payments", "p.csv", now=NOW + number * DAY)
    assert versions(warehouse) == [("P1", "failed", 1), ("P1", "succeeded", 2), ("P3", "failed", 3)]


def test_a_row_whose_known_at_moves_on_with_it_stays_known_as_it_was(
    warehouse: Warehouse, load: Load, put: Put
) -> None:
    header = "payment_id,customer_id,attempted_at,status,known_at\n"
    told = (
        ("failed", "2026-02-01"),
        ("succeeded", "2026-02-15"),
        ("succeeded", "2026-02-20"),
        ("refunded", "2026-02-25"),
    )
    for number, (status, known) in enumerate(told):
        put("p.csv", header + f"P1,A,2026-02-01,{status},{known}\nP{number + 2},B,2026-02-01,failed,2026-02-01\n")
        load("payments", "p.csv", now=NOW + number * DAY)
    # P2 to P4 are gone, and what was said again with a new stamp was known before.
    assert versions(warehouse) == [
        ("P1", "failed", 1),
        ("P1", "succeeded", 2),
        ("P1", "refunded", 4),
        ("P5", "failed", 4),
    ]


def test_subscriptions_of_an_export_with_their_last_change_keep_fee_and_end_as_known_then(
    warehouse: Warehouse, load: Load, put: Put
) -> None:
    header = "subscription_id,customer_id,started_at,ended_at,monthly_fee,updated_at\n"
    for number, rest in enumerate((",10,2026-01-01", "2026-03-01,10,2026-02-15", ",12,2026-02-20")):
        put("s.csv", header + f"S1,A,2026-01-01,{rest}\n")
        load("subscriptions", "s.csv", now=NOW + number * DAY, columns={"known_at": "updated_at"})
    found = warehouse.rows(
        "select monthly_fee, cast(ended_at as date)::varchar, cast(known_at as date)::varchar from raw.subscriptions order by known_at"
    )
    assert found == [(10.0, None, "2026-01-01"), (10.0, "2026-03-01", "2026-02-15"), (12.0, None, "2026-02-20")]


def test_a_key_with_several_rows_in_one_file_is_replaced_by_the_new_rows(
    warehouse: Warehouse, load: Load, put: Put
) -> None:
    put("p.csv", PAYMENTS + "P1,A,2026-02-01,10,failed\nP1,A,2026-02-01,10,succeeded\n")
    load("payments", "p.csv")
    put("p.csv", PAYMENTS + "P1,A,2026-02-01,10,failed\nP1,A,2026-02-01,10,refunded\n")
    load("payments", "p.csv", now=NOW + DAY)
    assert versions(warehouse) == [("P1", "failed", 2), ("P1", "refunded", 2)]


def test_other_settings_read_the_past_anew(warehouse: Warehouse, load: Load, put: Put) -> None:
    put("p.csv", PAYMENTS.replace(",", ";") + "P1;A;2026-02-01;1,5;failed\n")
    load("payments", "p.csv", columns={"amount": "try_cast(amount as double)"})
    load("payments", "p.csv", options={"decimal_separator": ","})
    assert warehouse.rows("select amount from raw.payments") == [(1.5,)]


def test_a_new_column_of_a_later_file_makes_another_version(warehouse: Warehouse, load: Load, put: Put) -> None:
    put("c.csv", "customer_id,city\n1,x\n")
    load("customers", "c.csv")
    put("c.csv", "customer_id,city,seats\n1,x,3\n")
    load("customers", "c.csv", now=NOW + DAY)
    assert warehouse.rows("select city, seats from raw.customers order by load_id") == [("x", None), ("x", 3)]


def test_what_lies_before_an_export_of_the_last_days_stays(warehouse: Warehouse, load: Load, put: Put) -> None:
    def last_days(first: int) -> str:
        return "".join(
            f"P{n},A,2026-02-{n:02},10,{'failed' if n == 3 else 'succeeded'}\n" for n in range(first, first + 5)
        )

    for number, first in enumerate((1, 2, 4)):
        put("p.csv", PAYMENTS + last_days(first))
        load("payments", "p.csv", now=NOW + number * DAY)
    expected = [(f"P{n}", 1 if n < 6 else 2 if n == 6 else 3) for n in range(1, 9)]
    assert warehouse.rows("select payment_id, load_id from raw.payments order by 1") == expected
    put("p.csv", PAYMENTS + last_days(4).replace("P5,A,2026-02-05,10,succeeded\n", ""))  # gone within its days
    load("payments", "p.csv", now=NOW + 3 * DAY)
    assert warehouse.rows("select payment_id from raw.payments order by 1") == [
        (f"P{n}",) for n in (1, 2, 3, 4, 6, 7, 8)
    ]
    put("p.csv", PAYMENTS + last_days(6).split("P9")[0])  # the days move on, and nothing is new
    load("payments", "p.csv", now=NOW + 4 * DAY)
    assert warehouse.rows("select payment_id from raw.payments order by 1") == [
        (f"P{n}",) for n in (1, 2, 3, 4, 6, 7, 8)
    ]


def test_a_first_row_that_is_taken_out_of_a_month_is_gone(warehouse: Warehouse, load: Load, put: Put) -> None:
    rows = "P1,A,2026-02-01,10,succeeded\nP2,A,2026-02-02,10,succeeded\nP3,A,2026-02-28,10,succeeded\n"
    put("2026-02.csv", PAYMENTS + rows)
    load("payments", "2026-02.csv")
    put("2026-02.csv", PAYMENTS + rows.split("\n", 1)[1])
    load("payments", "2026-02.csv", now=NOW + DAY)
    assert warehouse.rows("select payment_id from raw.payments order by 1") == [("P2",), ("P3",)]


def test_a_full_load_takes_an_export_of_the_last_days_at_its_word(warehouse: Warehouse, load: Load, put: Put) -> None:
    for first in (1, 2):
        rows = "".join(f"A,2026-02-{n:02},x\n" for n in range(first, first + 3))
        put("e.csv", "customer_id,occurred_at,event_type\n" + rows)
        load("events", "e.csv", now=NOW + first * DAY)
    assert warehouse.rows("select count(*), min(occurred_at)::date::varchar from raw.events") == [(4, "2026-02-01")]
    load("events", "e.csv", now=NOW + 3 * DAY, full=True)
    assert warehouse.rows("select count(*), min(occurred_at)::date::varchar from raw.events") == [(3, "2026-02-02")]


def snapshots(*dates: str) -> str:
    return "customer_id,snapshot_date,has_churned,seats\n" + "".join(
        f"{who},{day},0,3\n" for day in dates for who in "AB"
    )


def dates_kept(warehouse: Warehouse) -> list[tuple[str, int]]:
    rows = warehouse.rows(
        "select cast(snapshot_date as varchar), count(*) from raw.customer_snapshots group by all order by 1"
    )
    return [(day, count) for day, count in rows]


def test_a_flat_table_that_is_overwritten_with_a_later_date_keeps_the_earlier_ones(
    warehouse: Warehouse, load: Load, put: Put
) -> None:
    months = ("2026-01-01", "2026-02-01", "2026-03-01")
    for number, month in enumerate(months):
        put("f.csv", snapshots(month))
        load("customer_snapshots", "f.csv", now=NOW + number * DAY)
    assert dates_kept(warehouse) == [(month, 2) for month in months]
    put("f.csv", snapshots("2026-03-01").replace("B,2026-03-01,0,3\n", ""))  # of its own date it says all
    load("customer_snapshots", "f.csv", now=NOW + 4 * DAY)
    assert dates_kept(warehouse) == [("2026-01-01", 2), ("2026-02-01", 2), ("2026-03-01", 1)]
    put("f.csv", snapshots("2026-02-01", "2026-03-01"))  # a date that comes again is told anew
    load("customer_snapshots", "f.csv", now=NOW + 5 * DAY)
    assert dates_kept(warehouse) == [("2026-01-01", 2), ("2026-02-01", 2), ("2026-03-01", 2)]
    load("customer_snapshots", "f.csv", now=NOW + 6 * DAY, full=True)
    assert dates_kept(warehouse) == [("2026-02-01", 2), ("2026-03-01", 2)]


def test_a_flat_table_without_dates_is_as_its_file_is(warehouse: Warehouse, load: Load, put: Put) -> None:
    for number, who in enumerate("AB"):
        put("f.csv", f"customer_id,seats\n{who},3\n")
        load("customer_snapshots", "f.csv", now=NOW + number * DAY)
    assert warehouse.rows("select customer_id from raw.customer_snapshots") == [("B",)]


def test_files_of_many_nights_that_are_read_by_other_settings_tell_as_of_when_they_came(
    warehouse: Warehouse, load: Load, put: Put
) -> None:
    for number, status in enumerate(("failed", "succeeded", "refunded")):
        put(f"n{number}.csv", PAYMENTS + f"P1,A,2026-02-01,10,{status}\n")
        load("payments", "n*.csv", now=NOW + number * DAY)
    load("payments", "n*.csv", now=NOW + 9 * DAY, columns={"method": "'card'"})
    put("n3.csv", PAYMENTS + "P1,A,2026-02-01,10,failed\n")
    load("payments", "n*.csv", now=NOW + 10 * DAY, columns={"method": "'card'"})
    rows = warehouse.rows("select status, method, loaded_at from raw.payments order by load_id")
    assert rows == [
        ("failed", "card", NOW),
        ("succeeded", "card", NOW + DAY),
        ("refunded", "card", NOW + 2 * DAY),
        ("failed", "card", NOW + 10 * DAY),
    ]
