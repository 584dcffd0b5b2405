"""A file that lacks a column which earlier ones filled: ends that are told no more are no ends taken back."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from churn.errors import ContractBroken
from churn.warehouse import Warehouse
from churn.warehouse.loading.ingest import LoadResult

Load = Callable[..., LoadResult]
Put = Callable[[str, str], Path]
HEADER = "subscription_id,customer_id,started_at,monthly_fee,ended_at\n"
ROWS = "S1,C1,2026-01-01,9.99,2026-02-01\nS2,C2,2026-01-01,19.99,\nS3,C3,2026-01-05,9.99,\n"


def without(name: str) -> str:
    frame = pl.read_csv((HEADER + ROWS).encode())
    return str(frame.drop(name).write_csv())


def ends(warehouse: Warehouse) -> list[tuple[object, ...]]:
    return warehouse.rows("select subscription_id from raw.subscriptions where ended_at is not null")


@pytest.mark.parametrize("file", ["s-1.csv", "s-2.csv"])
def test_a_file_whose_ends_are_gone_is_refused_and_the_ends_stay(
    warehouse: Warehouse, load: Load, put: Put, file: str
) -> None:
    put("s-1.csv", HEADER + ROWS)
    load("subscriptions", "s-*.csv")
    put(file, without("ended_at"))
    with pytest.raises(ContractBroken) as refused:
        load("subscriptions", "s-*.csv")
    assert "`ended_at` is missing, which had values in earlier files" in str(refused.value)
    assert ends(warehouse) == [("S1",)]


def test_a_column_under_another_name_is_named_in_the_remedy_which_works(
    warehouse: Warehouse, load: Load, put: Put
) -> None:
    put("s.csv", HEADER + ROWS)
    load("subscriptions", "s.csv")
    put("s.csv", HEADER.replace("monthly_fee", "fee") + ROWS)
    with pytest.raises(ContractBroken, match=r'columns = \{ monthly_fee = "fee" \}'):
        load("subscriptions", "s.csv")
    load("subscriptions", "s.csv", columns={"monthly_fee": "fee"})
    assert warehouse.rows("select count(*), sum(monthly_fee) from raw.subscriptions") == [(3, 39.97)]


def test_a_column_given_up_by_null_is_lacking_from_then_on(warehouse: Warehouse, load: Load, put: Put) -> None:
    put("s.csv", HEADER + ROWS)
    load("subscriptions", "s.csv")
    for text in (without("ended_at"), without("ended_at") + "S4,C4,2026-01-09,5\n"):
        put("s.csv", text)
        load("subscriptions", "s.csv", columns={"ended_at": "null"})
    assert ends(warehouse) == []
    assert warehouse.rows("select count(*) from raw.subscriptions") == [(4,)]


def test_a_full_load_takes_the_files_as_they_are_and_asks_no_more(warehouse: Warehouse, load: Load, put: Put) -> None:
    put("s-1.csv", HEADER + ROWS)
    load("subscriptions", "s-*.csv")
    put("s-2.csv", without("monthly_fee").replace("S", "T"))
    load("subscriptions", "s-*.csv", full=True)
    put("s-3.csv", without("monthly_fee").replace("S", "U"))
    load("subscriptions", "s-*.csv")
    assert warehouse.rows("select count(*), count(monthly_fee) from raw.subscriptions") == [(9, 3)]


def test_a_column_that_never_held_a_value_may_go(warehouse: Warehouse, load: Load, put: Put) -> None:
    put("s.csv", HEADER.replace("monthly_fee", "end_reason") + ROWS.replace(",9.99,", ",,").replace(",19.99,", ",,"))
    load("subscriptions", "s.csv")
    put("s.csv", without("monthly_fee"))
    assert load("subscriptions", "s.csv").rows == 3
    assert ends(warehouse) == [("S1",)]


def test_files_of_one_load_may_differ_in_their_columns(warehouse: Warehouse, load: Load, put: Put) -> None:
    put("p-1.csv", "payment_id,customer_id,attempted_at,method\nP1,C1,2026-01-01,card\n")
    put("p-2.csv", "payment_id,customer_id,attempted_at\nP2,C1,2026-01-02\n")
    load("payments", "p-*.csv")
    put("p-3.csv", "payment_id,customer_id,attempted_at\nP3,C1,2026-01-03\n")
    load("payments", "p-*.csv")
    assert warehouse.rows("select count(*), count(method) from raw.payments") == [(3, 1)]


def test_facts_in_parquet_are_held_to_it_too(load: Load, tmp_path: Path) -> None:
    rows = pl.read_csv(b"customer_id,started_at,duration_minutes\nC1,2026-01-01 10:00,5\n", try_parse_dates=True)
    rows.write_parquet(tmp_path / "s-1.parquet")
    load("sessions", "s-*.parquet")
    rows.drop("duration_minutes").write_parquet(tmp_path / "s-2.parquet")
    with pytest.raises(ContractBroken, match="`duration_minutes` is missing"):
        load("sessions", "s-*.parquet")


PLAN = '[{"subscription_id": "S1", "customer_id": "C1", "started_at": "2026-01-01", "plan": "a"}]'
NO_PLAN = '[{"subscription_id": "S1", "customer_id": "C1", "started_at": "2026-01-01"}]'


def test_a_json_export_that_comes_whole_again_may_not_lose_a_key(load: Load, put: Put) -> None:
    put("s.json", PLAN)
    load("subscriptions", "s.json")
    put("s.json", NO_PLAN)
    with pytest.raises(ContractBroken, match="`plan` is missing"):
        load("subscriptions", "s.json")


def test_a_further_json_file_may_lack_a_key(warehouse: Warehouse, load: Load, put: Put) -> None:
    put("s-1.json", PLAN)
    load("subscriptions", "s-*.json")
    put("s-2.json", NO_PLAN)
    load("subscriptions", "s-*.json")
    assert warehouse.rows("select count(plan), count(*) from raw.subscriptions") == [(1, 2)]


def newest_ends(warehouse: Warehouse) -> tuple[object, ...]:
    """Return how many subscriptions have ended by their newest version, and how many there are."""
    newest = "select max_by(ended_at is not null, load_id) as has_ended from raw.subscriptions group by subscription_id"
    return warehouse.rows(f"select count(*) filter (where has_ended), count(*) from ({newest})")[0]


def contracts(ended: int, rows: int = 120) -> str:
    ends = ["2026-02-01" if n < ended else "" for n in range(rows)]
    return HEADER + "".join(f"S{n},C{n},2026-01-01,9.99,{end}\n" for n, end in enumerate(ends))


def test_an_export_whose_ends_are_all_empty_is_refused_until_it_is_loaded_once_on_purpose(
    warehouse: Warehouse, load: Load, put: Put
) -> None:
    put("s.csv", contracts(30))
    load("subscriptions", "s.csv")
    put("s.csv", contracts(0))
    with pytest.raises(ContractBroken, match="`ended_at` is empty in all 120 rows, which had values before"):
        load("subscriptions", "s.csv")
    assert len(ends(warehouse)) == 30
    load("subscriptions", "s.csv", full=True)
    put("s.csv", contracts(0, rows=121))
    load("subscriptions", "s.csv")
    assert newest_ends(warehouse) == (0, 121)


def test_ends_that_are_taken_back_for_some_are_no_fault(warehouse: Warehouse, load: Load, put: Put) -> None:
    put("s.csv", contracts(30))
    load("subscriptions", "s.csv")
    put("s.csv", contracts(29))
    load("subscriptions", "s.csv")
    assert newest_ends(warehouse) == (29, 120)


def test_an_export_of_tickets_that_are_all_open_is_no_fault(load: Load, put: Put) -> None:
    header = "ticket_id,customer_id,opened_at,closed_at\n"
    put("t.csv", header + "".join(f"T{n},C1,2026-01-01,2026-01-02\n" for n in range(120)))
    load("support_tickets", "t.csv")
    put("t.csv", header + "".join(f"U{n},C1,2026-01-03,\n" for n in range(120)))
    assert load("support_tickets", "t.csv").rows == 120
