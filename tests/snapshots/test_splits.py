"""Splits: forward in time and purged, or at random by customer."""

from __future__ import annotations

import itertools
from datetime import date, datetime, time, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from churn.errors import NotEnoughData
from churn.snapshots.dataset import TrainingSet
from churn.snapshots.policy import SnapshotPolicy
from churn.snapshots.splits import Split, random_split, split, temporal_split

NAMES = ("train", "calibrate", "select", "test")


def months(count: int) -> list[date]:
    """Return firsts of months from January 2023 on."""
    return [date(2023 + n // 12, n % 12 + 1, 1) for n in range(count)]


def rows_of(days: list[date], customers: int) -> pl.DataFrame:
    """Return one row per customer and day, in an order that is not sorted."""
    return pl.DataFrame(
        [(f"c{number:03d}", day) for number in range(customers) for day in days],
        schema={"customer_id": pl.String, "snapshot_date": pl.Date},
        orient="row",
    )


def assert_disjoint(found: Split, rows: int) -> None:
    total = sum(part.astype(int) for part in found.parts.values()) + found.purged.astype(int)
    assert total.shape == (rows,)
    assert (total == 1).all()
    assert all(part.any() for part in found.parts.values())


SHARED: dict[str, list[list[str]]] = {
    "four": [["train"], ["calibrate"], ["select"], ["test"]],
    "validation": [["train"], ["calibrate", "select"], ["test"]],
    "other customers": [["train", "calibrate", "select"], ["test"]],
}


def assert_purged(dates: pl.Series, customers: pl.Series, found: Split, policy: SnapshotPolicy) -> None:
    """Parts that follow one another keep their windows apart; parts of the same dates keep their customers apart."""
    days = {name: dates.filter(pl.Series(part)) for name, part in found.parts.items()}
    order = next(
        (SHARED[kind] for kind in ("validation", "other customers") if kind in found.description), SHARED["four"]
    )
    for earlier, later in itertools.pairwise(order):
        closes = max(policy.label_window(day)[1] for name in earlier for day in days[name])
        opens = min(datetime.combine(day, time()) for name in later for day in days[name])
        assert closes <= opens
    for together in order:
        sides = [set(customers.filter(pl.Series(found.parts[name]))) for name in together]
        assert sum(map(len, sides)) == len(set().union(*sides))


def test_twelve_months_give_four_parts_each_after_the_windows_before_it_have_closed() -> None:
    frame = rows_of(months(12), 3)
    found = temporal_split(frame["snapshot_date"], SnapshotPolicy())
    days = {
        name: sorted({day.month for day in frame.filter(pl.Series(part))["snapshot_date"]})
        for name, part in found.parts.items()
    }
    assert days == {"train": [1, 2, 3, 4, 5, 6], "calibrate": [8], "select": [10], "test": [12]}
    assert "3 dates between them left out" in found.description


@given(
    step=st.integers(1, 40),
    count=st.integers(1, 60),
    customers=st.integers(3, 8),
    lead=st.integers(0, 10),
    horizon=st.integers(1, 90),
)
def test_a_temporal_split_is_disjoint_complete_and_purged(
    step: int, count: int, customers: int, lead: int, horizon: int
) -> None:
    policy = SnapshotPolicy(lead_days=lead, horizon_days=horizon)
    frame = rows_of([date(2020, 1, 1) + timedelta(days=step * n) for n in range(count)], customers)
    dates = frame["snapshot_date"]
    try:
        found = temporal_split(dates, policy, customer_ids=frame["customer_id"])
    except NotEnoughData:
        assert (count - 1) * step < lead + horizon + step * (2 + count // 10)
        return
    assert_disjoint(found, frame.height)
    assert_purged(dates, frame["customer_id"], found, policy)


@pytest.mark.parametrize(
    ("count", "train", "calibrate", "test"),
    [
        (12, [1, 2, 3, 4, 5, 6], [8], [12]),
        (8, [1, 2, 3, 4], [6], [8]),
        (5, [1, 2, 3], [1, 2, 3], [5]),
        (3, [1], [1], [3]),
    ],
)
def test_with_fewer_dates_parts_are_shared_by_customer_so_that_training_keeps_a_third_of_the_dates(
    count: int, train: list[int], calibrate: list[int], test: list[int]
) -> None:
    frame = rows_of(months(count), 12)
    found = temporal_split(frame["snapshot_date"], SnapshotPolicy(), customer_ids=frame["customer_id"])
    days = {
        name: sorted({day.month for day in frame.filter(pl.Series(part))["snapshot_date"]})
        for name, part in found.parts.items()
    }
    assert (days["train"], days["calibrate"], days["test"]) == (train, calibrate, test)
    assert_disjoint(found, frame.height)


def test_without_a_later_date_to_test_on_a_temporal_split_says_what_is_missing() -> None:
    frame = rows_of(months(2), 5)
    with pytest.raises(NotEnoughData, match=r"2 snapshot dates \(2023-01-01 to 2023-02-01\) .* 32 days on"):
        temporal_split(frame["snapshot_date"], SnapshotPolicy(), customer_ids=frame["customer_id"])


@given(
    customers=st.lists(st.text("abcdef", min_size=1, max_size=3), min_size=4, max_size=200),
    seed=st.integers(0, 2**32 - 1),
)
def test_a_random_split_puts_no_customer_on_two_sides_and_leaves_nobody_out(customers: list[str], seed: int) -> None:
    ids = pl.Series(customers)
    if ids.n_unique() < 4:
        with pytest.raises(NotEnoughData, match="cannot be split into four parts"):
            random_split(ids, seed=seed)
        return
    found = random_split(ids, seed=seed)
    assert_disjoint(found, len(customers))
    assert not found.purged.any()
    sides = [set(ids.filter(pl.Series(part))) for part in found.parts.values()]
    assert sum(len(side) for side in sides) == ids.n_unique()


def test_a_random_split_is_75_15_10_with_validation_halved() -> None:
    found = random_split(pl.Series([f"c{number}" for number in range(2_000)]))
    assert [int(part.sum()) for part in found.parts.values()] == [1_500, 150, 150, 200]


def test_a_random_split_depends_on_the_seed_and_not_on_the_order_of_rows() -> None:
    ids = pl.Series([f"c{number}" for number in range(50)])
    forward, backward = random_split(ids, seed=3), random_split(ids.reverse(), seed=3)
    assert np.array_equal(forward.train, backward.train[::-1])
    assert not np.array_equal(forward.train, random_split(ids, seed=4).train)


@pytest.mark.parametrize(
    ("kind", "count", "expected"), [("auto", 12, "temporal"), ("auto", 1, "random"), ("random", 12, "random")]
)
def test_auto_goes_forward_in_time_where_the_dates_allow_it(kind: str, count: int, expected: str) -> None:
    data = TrainingSet(rows_of(months(count), 8), (), SnapshotPolicy(), "fingerprint")
    assert split(data, kind).kind == expected


def test_a_temporal_split_that_was_asked_for_is_not_replaced_by_another() -> None:
    data = TrainingSet(rows_of(months(1), 8), (), SnapshotPolicy(), "fingerprint")
    with pytest.raises(NotEnoughData, match="1 snapshot dates"):
        split(data, "temporal")
