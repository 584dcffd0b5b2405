"""What customers paid as each month began: by the subscriptions that ran then, at the fee known then."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from typing import NamedTuple

import numpy as np
import pytest

from churn.snapshots.policy import SnapshotPolicy
from churn.warehouse.models.build import build as build_models
from tests.worlds import World, at, build, shipped_models

SEGMENTS = "select month, value, customers, monthly_revenue, monthly_revenue_won, monthly_revenue_lost, monthly_revenue_other from marts.months_by_segment where segment = ? order by month, value"


def revenue(world: World, cutoff: str = "2024-07-03", policy: SnapshotPolicy | None = None) -> dict[str, float]:
    """Return the monthly revenue of `marts.churn_by_month` by month, and check that every cut adds up to it."""
    with world.warehouse() as warehouse:
        build(warehouse, "2024-02-01", cutoff=at(cutoff), policy=policy)
        build_models(
            warehouse,
            shipped_models(),
            schemas=["snapshots", "marts"],
            names=["marts.churn_by_month", "marts.months_by_segment"],
        )
        told = warehouse.rows(
            "select month, customers, monthly_revenue, monthly_revenue_lost from marts.churn_by_month"
        )
        for segment in ("all", "plan", "country", "tenure"):
            cut = warehouse.rows(
                "select month, sum(customers), round(sum(monthly_revenue), 2), round(sum(monthly_revenue_lost), 2) "
                "from marts.months_by_segment where segment = ? group by month having sum(customers) > 0 order by month",
                [segment],
            )
            assert cut == [(month, n, round(paid, 2), round(lost, 2)) for month, n, paid, lost in told], segment
        return {f"{month:%Y-%m}": paid for month, _, paid, _ in told}


def base() -> World:
    """Return a company whose records begin with the loss of somebody and go on until somebody joins in July."""
    return World().subscription("first", "2023-12-01", end="2024-01-20", fee=7).subscription("newest", "2024-07-02")


def test_a_plan_changed_in_the_middle_of_a_month_counts_from_the_next() -> None:
    world = base().subscription(
        "up", "2024-01-05", end="2024-03-14", reason="plan_change", fee=10, plan="small", name="u1"
    )
    world.subscription("up", "2024-03-14", fee=40, plan="large", name="u2")
    assert revenue(world) == {
        "2024-01": 7, "2024-02": 10, "2024-03": 10, "2024-04": 40, "2024-05": 40, "2024-06": 40,
    }  # fmt: skip


def test_the_months_before_a_change_of_plan_are_those_of_the_plan_before() -> None:
    world = base().subscription(
        "up", "2024-01-05", end="2024-03-14", reason="plan_change", fee=10, plan="small", name="u1"
    )
    world.subscription("up", "2024-03-14", end="2024-05-20", fee=40, plan="large", name="u2")
    with world.warehouse() as warehouse:
        build(warehouse, "2024-02-01", cutoff=at("2024-07-03"))
        build_models(warehouse, shipped_models(), schemas=["snapshots", "marts"], names=["marts.months_by_segment"])
        rows = [row for row in warehouse.rows(SEGMENTS, ["plan"]) if row[1] in {"small", "large"}]
        assert rows == [
            (date(2024, 1, 1), "small", 0, 0.0, 10.0, 0.0, 0.0),
            (date(2024, 2, 1), "small", 1, 10.0, 0.0, 0.0, 0.0),
            (date(2024, 3, 1), "small", 1, 10.0, 0.0, 0.0, -10.0),
            (date(2024, 4, 1), "large", 1, 40.0, 0.0, 0.0, 0.0),
            (date(2024, 5, 1), "large", 1, 40.0, 0.0, 40.0, 0.0),
        ]
        everybody = {row[0]: row[3:] for row in warehouse.rows(SEGMENTS, ["all"])}
        assert everybody[date(2024, 3, 1)] == (10.0, 0.0, 0.0, 30.0)  # the difference, in the month of the change


def test_a_fee_that_a_later_load_changed_counts_from_then_on() -> None:
    world = base().subscription("dearer", "2024-01-05", fee=10, name="d")
    number = len(world.rows["subscription_events"]) - 1
    world.told_again("subscription_events", number, "2024-03-10", monthly_fee=12.5)
    world.told_again("subscription_events", number, "2024-05-01", monthly_fee=15)
    assert revenue(world) == {
        "2024-01": 7, "2024-02": 10, "2024-03": 10, "2024-04": 12.5, "2024-05": 12.5, "2024-06": 15,
    }  # fmt: skip


def test_a_fee_set_to_nothing_after_the_end_takes_nothing_from_the_months_before() -> None:
    world = base().subscription("gone", "2024-01-05", end="2024-04-10", fee=10, name="g")
    started = len(world.rows["subscription_events"]) - 2
    world.told_again("subscription_events", started, "2024-04-11", monthly_fee=0)
    assert [revenue(world).get(month) for month in ("2024-02", "2024-03", "2024-04", "2024-05")] == [10, 10, 10, None]


def test_of_a_subscription_told_late_its_first_fee_holds_from_its_start() -> None:
    world = base().subscription("late", "2024-01-05", fee=10, known="2024-05-20")
    assert set(revenue(world).values()) == {7, 10}
    assert revenue(world)["2024-02"] == 10


def test_between_terms_the_fee_of_the_last_goes_on() -> None:
    world = base()
    for n, (start, end) in enumerate([("2024-01-02", "2024-01-31"), ("2024-02-01", "2024-02-29"), ("2024-03-01", "2024-03-31"), ("2024-04-03", "2024-04-30")]):  # fmt: skip
        world.subscription("terms", start, end=end, fee=10 + n, name=f"t{n}")
        world.subscription("terms", start, end=end, fee=100, name=f"s{n}")
    paid = revenue(world, policy=SnapshotPolicy(grace_days=7))
    assert {month: paid[month] for month in ("2024-02", "2024-03", "2024-04")} == {
        "2024-02": 110, "2024-03": 111, "2024-04": 112,
    }  # fmt: skip


def test_an_add_on_that_ended_leaves_the_plan_that_goes_on() -> None:
    world = base().subscription("both", "2024-01-05", fee=10, plan="main", name="m")
    world.subscription("both", "2024-02-10", end="2024-03-10", fee=5, plan="extra", name="x")
    assert [revenue(world)[month] for month in ("2024-02", "2024-03", "2024-04")] == [10, 15, 10]


class Term(NamedTuple):
    start: datetime
    end: datetime | None
    fees: tuple[tuple[datetime, int], ...]


def _paid(terms: Iterable[Term], month: datetime) -> int:
    """Return what one who never leaves for long pays as a month begins, by the words of the table."""
    running = [t for t in terms if t.start < month and (t.end is None or t.end >= month)]
    if not running:
        begun = [t for t in terms if t.start < month]
        last = max(t.end for t in begun if t.end is not None)
        running = [t for t in begun if t.end == last]
    return sum(([fee for known, fee in t.fees if known < month] or [t.fees[0][1]])[-1] for t in running)


@pytest.mark.parametrize("seed", range(4))
def test_any_history_of_terms_and_fees_adds_up_to_what_its_months_began_with(seed: int) -> None:
    rng = np.random.default_rng(seed)
    world = base()
    expected: dict[str, float] = {}
    months = [datetime(2024, m, 1) for m in range(2, 7)]
    for customer in range(12):
        terms: list[Term] = []
        for product in range(int(rng.integers(1, 3))):
            day = datetime(2024, 1, 2) + timedelta(days=int(rng.integers(0, 20)))
            for number in range(int(rng.integers(1, 5))):
                is_last = number == 3 or (product == 0 and rng.random() < 0.3) or day > datetime(2024, 6, 1)
                end = None if is_last and product == 0 else day + timedelta(days=int(rng.integers(5, 60)), hours=5)
                fee = int(rng.integers(1, 50))
                name = f"{customer}-{product}-{number}"
                world.subscription(f"c{customer}", f"{day:%Y-%m-%d}", end=f"{end:%Y-%m-%d %H:%M}" if end else None, fee=fee, name=name, reason="plan_change" if end else None)  # fmt: skip
                row = len(world.rows["subscription_events"]) - (2 if end else 1)
                fees = [(day, fee)]
                for _ in range(int(rng.integers(0, 3))):
                    known, fee = fees[-1][0] + timedelta(days=int(rng.integers(1, 50))), int(rng.integers(1, 50))
                    world.told_again("subscription_events", row, known, monthly_fee=fee)
                    fees.append((known, fee))
                terms.append(Term(day, end, tuple(fees)))
                if end is None:
                    break
                day = datetime(end.year, end.month, end.day) + timedelta(days=int(rng.integers(0, 8)))
        if all(term.end for term in terms):  # somebody who goes on, so that the span does
            last = max(term.end for term in terms if term.end)
            day = datetime(last.year, last.month, last.day)
            world.subscription(f"c{customer}", f"{day:%Y-%m-%d}", fee=3, name=f"{customer}-on")
            terms.append(Term(day, None, ((day, 3),)))
        for month in months:
            expected[f"{month:%Y-%m}"] = expected.get(f"{month:%Y-%m}", 0) + _paid(terms, month)
    paid = revenue(world, policy=SnapshotPolicy(grace_days=30))
    assert {month: paid[month] for month in expected} == expected
