"""Terms that follow one another are one relation, however they are written: in the population on every day, and no loss."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from itertools import pairwise

import pytest

from churn.snapshots.policy import SnapshotPolicy
from tests.worlds import World, at, build, rows

DAYS = ("2024-06-01", "2024-06-02", "2024-06-15", "2024-07-01")
MONTHS = [date(2024, month, 1) for month in range(1, 12)]
Term = tuple[datetime, datetime | None]


def months(ends: timedelta, begins: timedelta = timedelta(0), every: int = 1) -> list[Term]:
    """Return terms of whole months: each begins and ends this much after midnight of its first day and of the next first."""
    firsts = [datetime.combine(day, datetime.min.time()) for day in MONTHS[::every]]
    return [(first + begins, after + ends) for first, after in pairwise(firsts)]


def after_each_other(length: int, gap: int) -> list[Term]:
    """Return terms of `length` days, with `gap` days between."""
    starts = [datetime(2024, 1, 1) + number * timedelta(days=length + gap) for number in range(14)]
    return [(start, start + timedelta(days=length)) for start in starts]


STAYS: dict[str, list[Term]] = {
    "the last day is written": months(timedelta(days=-1)),
    "the last second is written": months(timedelta(seconds=-1)),
    "the last thousandth is written": months(timedelta(milliseconds=-1)),
    "the next midnight is written": months(timedelta(0)),
    "begins in the morning": months(timedelta(seconds=-1), begins=timedelta(hours=8)),
    "ends in the evening before": months(timedelta(hours=-6), begins=timedelta(hours=9)),
    "quarters by their last day": months(timedelta(days=-1), every=3),
    "four weeks and a day between": after_each_other(28, 1),
    "a week between, which is the grace": after_each_other(23, 7),
    "overlaps by three days": months(timedelta(days=3)),
    "days only, and the newest runs": [*months(timedelta(days=-1))[:6], (datetime(2024, 7, 1), None)],
}
REASONS = (None, "expired", "plan_change", "renewed")


@pytest.mark.parametrize("dated_by", ["decision", "end_of_service"])
def test_terms_without_a_gap_beyond_the_grace_are_one_relation(dated_by: str) -> None:
    world = World()
    for name, terms in STAYS.items():
        for reason in REASONS:
            for start, end in terms:
                world.subscription(
                    f"{name}, {reason}", str(start), end=str(end) if end else None, reason=reason if end else None
                )
    world.subscription("joins later", "2024-11-15")
    with world.warehouse() as warehouse:
        policy = SnapshotPolicy(dated_by=dated_by)
        build(warehouse, *DAYS, policy=policy, cutoff=at("2024-09-15"))
        labels = rows(warehouse, "snapshots.labels", "customer_id", "snapshot_date", "has_churned")
        returned = rows(warehouse, "features.tenure", "customer_id", "snapshot_date", "earlier_end_count")
    people = {f"{name}, {reason}" for name in STAYS for reason in REASONS}
    assert {(who, str(day)) for who, day, _ in labels} == {(who, day) for who in people for day in DAYS}
    assert [row for row in labels if row[2] is not False] == []
    assert [row for row in returned if row[2]] == []


@pytest.mark.parametrize(
    ("gap", "reason", "canceled", "is_there"),
    [
        (8, None, None, False),
        (8, "expired", None, False),
        (3, "voluntary", None, False),
        (3, "payment_failure", None, False),
        (3, "pause", None, False),
        (3, None, "2024-05-20", False),
        (3, "renewed", None, True),
    ],
)
def test_an_end_counts_at_once_where_something_says_so_and_after_the_grace_days_else(
    gap: int, reason: str | None, canceled: str | None, is_there: bool
) -> None:
    world = World().subscription(
        "leaves", "2024-01-01", canceled=canceled, end=str(datetime(2024, 6, 1) - timedelta(days=gap)), reason=reason
    )
    world.subscription("stays", "2024-01-01")
    with world.warehouse() as warehouse:
        build(warehouse, "2024-06-01")
        spine = [who for (who,) in rows(warehouse, "snapshots.spine", "customer_id")]
    assert spine == (["leaves", "stays"] if is_there else ["stays"])
