"""What became of assigned customers: labels of their own window, and every other table as it was before."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime

import polars as pl

from churn.snapshots.fates import fates
from churn.snapshots.policy import SnapshotPolicy
from churn.warehouse import Warehouse
from tests.worlds import FAR, World, build, goes_on, shipped_models

POLICY = SnapshotPolicy(horizon_days=30, lead_days=0)
DAY = date(2024, 6, 1)


def company() -> World:
    world = World()
    world.subscription("stays", "2024-01-05", plan="basic")
    world.subscription(
        "leaves at once", "2024-01-05", canceled="2024-06-01 08:00", end="2024-06-20", reason="voluntary"
    )
    world.subscription("leaves on the last day", "2024-01-05", canceled="2024-06-30 23:00", end="2024-07-20")
    world.subscription("leaves after it", "2024-01-05", canceled="2024-07-01", end="2024-07-20", plan="premium")
    world.subscription("left before", "2024-01-05", end="2024-05-05")
    return world


def asked(*pairs: tuple[str, date]) -> pl.DataFrame:
    return pl.DataFrame(pairs, schema={"customer_id": pl.String, "snapshot_date": pl.Date}, orient="row")


def everyone(day: date = DAY) -> pl.DataFrame:
    names = ("stays", "leaves at once", "leaves on the last day", "leaves after it", "left before", "unheard of")
    return asked(*((name, day) for name in names))


def follow(warehouse: Warehouse, customers: pl.DataFrame, policy: SnapshotPolicy = POLICY, cutoff: datetime = FAR):
    goes_on(warehouse, cutoff)
    found = fates(warehouse, shipped_models(), policy, customers, data_cutoff=cutoff)
    return {(row["customer_id"], row["snapshot_date"]): row for row in found.to_dicts()}


def test_the_window_begins_with_the_snapshot_date_and_has_the_length_asked_for() -> None:
    with company().warehouse() as warehouse:
        found = {name: row["has_churned"] for (name, _), row in follow(warehouse, everyone()).items()}
        longer = follow(warehouse, asked(("leaves after it", DAY)), replace(POLICY, horizon_days=31))
    assert found == {
        "stays": False,
        "leaves at once": True,
        "leaves on the last day": True,
        "leaves after it": False,
        "left before": None,
        "unheard of": None,
    }
    assert longer["leaves after it", DAY]["has_churned"] is True


def test_each_customer_is_judged_from_their_own_date() -> None:
    later = date(2024, 6, 10)
    with company().warehouse() as warehouse:
        found = follow(warehouse, asked(("leaves after it", DAY), ("leaves after it", later), ("stays", later)))
    assert {key: row["has_churned"] for key, row in found.items()} == {
        ("leaves after it", DAY): False,
        ("leaves after it", later): True,
        ("stays", later): False,
    }
    assert found["leaves after it", later]["plan"] == "premium"


def test_who_is_not_in_the_data_is_told_apart_from_who_cannot_be_judged_yet() -> None:
    with company().warehouse() as warehouse:
        early = follow(warehouse, everyone(), cutoff=datetime(2024, 6, 15))
        final = follow(warehouse, everyone())
    assert {name: row["is_known"] for (name, _), row in final.items()}["unheard of"] is False
    assert not any(row["is_mature"] or row["has_churned"] is not None for row in early.values())
    assert early["stays", DAY]["is_known"] is True
    assert final["unheard of", DAY]["is_mature"] is True


def test_the_tables_of_training_and_scoring_stay_as_they_were() -> None:
    with company().warehouse() as warehouse:
        build(warehouse, "2024-03-01")
        tables = warehouse.rows("select schema_name, table_name from duckdb_tables() order by all")
        before = {
            name: warehouse.rows(f"select * from snapshots.{name} order by all")
            for name in ("labels", "policy", "dates")
        }
        follow(warehouse, everyone())
        assert warehouse.rows("select schema_name, table_name from duckdb_tables() order by all") == tables
        for name, rows in before.items():
            assert warehouse.rows(f"select * from snapshots.{name} order by all") == rows
        follow(warehouse, everyone())  # and the next one begins where this one began


def test_customers_of_whom_all_was_taken_back_are_final_and_without_a_label() -> None:
    """An account that was merged into another, or whose start was corrected, must not hold up the others for ever."""
    world = company()
    number = len(world.rows["subscription_events"])
    world.subscription("merged away", "2024-01-05").subscription("began later", "2024-01-05")
    world.told_again("subscription_events", number, "2024-06-15", customer_id="stays")
    world.told_again("subscription_events", number + 1, "2024-06-15", occurred_at=datetime(2024, 6, 3))
    names = ("merged away", "began later", "stays")
    with world.warehouse() as warehouse:
        early = follow(warehouse, asked(*((name, DAY) for name in names)), cutoff=datetime(2024, 6, 20))
        final = follow(warehouse, asked(*((name, DAY) for name in names)))
    assert not any(row["is_mature"] for row in early.values())
    assert {name: (row["is_mature"], row["has_churned"]) for (name, _), row in final.items()} == {
        "merged away": (True, None),
        "began later": (True, None),
        "stays": (True, False),
    }
