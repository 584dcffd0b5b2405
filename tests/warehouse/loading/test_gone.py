"""A source that deletes who has left: its subscriptions are not forgotten in silence, nor is what models learn from."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from churn.errors import ContractBroken
from churn.warehouse import Warehouse
from churn.warehouse.loading.ingest import LoadResult

Load = Callable[..., LoadResult]
Put = Callable[[str, str], Path]
NOW = datetime(2026, 3, 1)
HEADER = "subscription_id,customer_id,started_at,ended_at\n"
RUNNING = [f"R{n},C{n},2025-01-01,\n" for n in range(40)]
ENDED = [f"E{n},L{n},2025-01-01,2025-06-{n + 1:02}\n" for n in range(10)]
PLANNED = [f"P{n},M{n},2025-01-01,2026-12-31\n" for n in range(10)]


def told(warehouse: Warehouse) -> list[int]:
    (counts,) = warehouse.rows(
        "select count(*), count(*) filter (starts_with(subscription_id, 'E')), count(distinct subscription_id)"
        " from raw.subscriptions"
    )
    return list(counts)


def again(load: Load, put: Put, rows: list[str], *, nights: int = 1, keep_gone: bool | None = None) -> LoadResult:
    put("s.csv", HEADER + "".join(rows))
    given = {} if keep_gone is None else {"keep_gone": keep_gone}
    return load("subscriptions", "s.csv", now=NOW + timedelta(days=nights), **given)


@pytest.fixture
def loaded(warehouse: Warehouse, load: Load, put: Put) -> Warehouse:
    again(load, put, RUNNING + ENDED + PLANNED, nights=0)
    return warehouse


def test_ended_subscriptions_that_are_gone_are_refused_and_nothing_is_lost(
    loaded: Warehouse, load: Load, put: Put
) -> None:
    with pytest.raises(ContractBroken, match="4 of 10 subscriptions that had ended are gone from it, and 0 of 50"):
        again(load, put, RUNNING + ENDED[4:] + PLANNED)
    assert told(loaded) == [60, 10, 60]


def test_what_is_gone_stays_night_after_night_where_the_source_says_so(loaded: Warehouse, load: Load, put: Put) -> None:
    for night in range(1, 4):
        rows = RUNNING + ENDED[3 * night :] + PLANNED + [f"N{night},D{night},2026-03-01,\n"]
        again(load, put, rows, nights=night, keep_gone=True)
    assert told(loaded) == [63, 10, 63]
    assert loaded.rows("select count(*) from raw.subscriptions where loaded_at = ?", [NOW]) == [(60,)]


def test_a_file_is_taken_at_its_word_where_the_source_says_so_or_all_is_loaded_again(
    loaded: Warehouse, load: Load, put: Put
) -> None:
    again(load, put, RUNNING + ENDED[4:] + PLANNED, keep_gone=False)
    assert told(loaded) == [56, 6, 56]
    put("s.csv", HEADER + "".join(RUNNING + PLANNED))
    load("subscriptions", "s.csv", full=True)
    assert told(loaded) == [50, 0, 50]


@pytest.mark.parametrize(
    "rows",
    [
        RUNNING + ENDED[2:] + PLANNED,  # two corrections
        RUNNING[20:] + ENDED[4:] + PLANNED[5:],  # a branch that is no longer delivered
        RUNNING[20:] + ENDED + PLANNED,
    ],
)
def test_other_rows_that_are_gone_are_gone(loaded: Warehouse, load: Load, put: Put, rows: list[str]) -> None:
    again(load, put, rows)
    assert told(loaded)[0] == len(rows)


def test_sessions_that_are_gone_stay_too_where_the_source_says_so(warehouse: Warehouse, load: Load, put: Put) -> None:
    for night, customers in enumerate(("AB", "BC", "C")):
        rows = "".join(f"{who},2026-01-0{ord(who) - 60}\n" for who in customers)
        put("v.csv", "customer_id,started_at\n" + rows)
        load("sessions", "v.csv", now=NOW + timedelta(days=night), keep_gone=True)
    assert warehouse.rows("select customer_id from raw.sessions order by 1") == [("A",), ("B",), ("C",)]
