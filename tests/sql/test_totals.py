"""Totals over all time: kept by month, and yet exact at every date, whenever a fact became known."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import numpy as np
import pytest

from tests.sql.companies import base_company, known_by
from tests.worlds import World, at, build

DATES = [
    ["2024-06-01"],
    ["2024-05-17"],
    ["2024-03-01", "2024-04-01", "2024-06-01"],
    ["2024-03-03", "2024-03-04", "2024-05-31"],
]


def company(seed: int) -> World:
    """Return a company with sessions of many months, some known long after, some announced, and some at midnight."""
    random = np.random.default_rng(seed)
    world = base_company(at("2024-06-01"), random, facts=20)
    draw = known_by(at("2024-07-01"), random, days=250)
    for number in range(400):
        occurred, known = draw()
        if number % 7 == 0:
            occurred, known = known, occurred  # announced
        if number % 5 == 0:
            occurred = datetime.combine(occurred.date(), datetime.min.time())
        world.session(f"c{random.integers(12):02d}", occurred, 5.0, known)
    return world


def counted(world: World, day: date) -> dict[str, tuple[int, int, int]]:
    """Count, the plain way: the sessions known before `day`, days since the first and since the newest one."""
    found: dict[str, list[datetime]] = {}
    for row in world.rows["sessions"]:
        if max(row["occurred_at"], row["available_at"]) < datetime.combine(day, datetime.min.time()):
            found.setdefault(row["customer_id"], []).append(row["occurred_at"])
    return {
        customer: (len(times), (day - min(times).date()).days, (day - max(times).date()).days)
        for customer, times in found.items()
    }


@pytest.mark.parametrize("dates", DATES)
@pytest.mark.parametrize("seed", range(2))
def test_totals_of_sessions_are_those_counted_one_by_one(dates: list[str], seed: int) -> None:
    world = company(seed)
    with world.warehouse() as warehouse:
        build(warehouse, *dates)
        for day in map(date.fromisoformat, dates):
            rows = warehouse.rows(
                "select customer_id, sessions, days_since_first, days_since_last from snapshots.session_totals "
                "where snapshot_date = ?",
                [day],
            )
            spine = {
                row[0]
                for row in warehouse.rows("select customer_id from snapshots.spine where snapshot_date = ?", [day])
            }
            expected = {customer: told for customer, told in counted(world, day).items() if customer in spine}
            assert {row[0]: tuple(map(int, row[1:])) for row in rows} == expected
            assert expected


def test_a_month_that_became_known_before_two_dates_is_counted_by_each_as_it_was_known() -> None:
    world = World().customer("a").subscription("a", "2024-01-01")
    noon = at("2024-03-10 12:00")
    for day, late in ((0, 0), (1, 40), (2, 70)):
        world.session("a", noon + timedelta(days=day), 5.0, noon + timedelta(days=day + late))
    with world.warehouse() as warehouse:
        build(warehouse, "2024-03-11", "2024-04-01", "2024-05-01", "2024-06-01")
        rows = warehouse.rows("select sessions, days_since_last from snapshots.session_totals order by snapshot_date")
    assert [tuple(map(int, row)) for row in rows] == [(1, 1), (1, 22), (2, 51), (3, 81)]
