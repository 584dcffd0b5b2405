"""Rows to learn hazards from: whole periods, what was known on an earlier day, and samples that do not move."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np
import polars as pl

from churn.modeling.lifetime.followed import followed
from churn.modeling.lifetime.judging import cut_day
from churn.snapshots.dataset import TrainingSet
from churn.snapshots.policy import SnapshotPolicy
from tests.modeling.lifetime.made_up import training_set

DAY = date(2024, 1, 1)
# (customer, days, kind of the loss that ends them): lost in the first, second and fifth month; seen for 29.9 and 150 days.
TOLD = (
    ("a", 0.0, "voluntary"),
    ("b", 30.0, "involuntary"),
    ("c", 149.9, "voluntary"),
    ("d", 29.9, None),
    ("e", 150.0, None),
)


def told(**policy: int) -> TrainingSet:
    names = [name for name, _, _ in TOLD]
    keys = {"customer_id": names, "snapshot_date": pl.Series([DAY] * len(TOLD), dtype=pl.Date)}
    times = pl.DataFrame(
        {
            **keys,
            "days": [days for _, days, _ in TOLD],
            "is_lost": [kind is not None for _, _, kind in TOLD],
            "churn_kind": [kind for _, _, kind in TOLD],
        }
    )
    frame = pl.DataFrame({**keys, "is_treated": [name == "e" for name in names]})
    return TrainingSet(
        frame, (), SnapshotPolicy(**{"lead_days": 0, "grace_days": 0, **policy}), "told", {}, times=times
    )


def test_a_row_is_followed_for_whole_periods_and_lost_in_the_next() -> None:
    rows = followed(told(), keeps_treated=True)
    assert rows.observed.tolist() == [0, 1, 4, 0, 5]
    assert rows.cause.tolist() == [0, 1, 0, -1, -1]
    assert followed(told(), keeps_treated=False).frame["customer_id"].to_list() == ["a", "b", "c", "d"]


def test_on_an_earlier_day_later_losses_were_not_known() -> None:
    data = told()
    rows = followed(data, keeps_treated=True).as_known_on(date(2024, 3, 1), data.policy)  # 60 days on
    assert dict(
        zip(rows.frame["customer_id"], zip(rows.observed.tolist(), rows.cause.tolist(), strict=True), strict=True)
    ) == {
        "a": (0, 0),
        "b": (1, 1),
        "c": (2, -1),
        "d": (0, -1),
        "e": (2, -1),
    }
    with_grace = told(grace_days=10)
    rows = followed(with_grace, keeps_treated=True).as_known_on(date(2024, 3, 1), with_grace.policy)
    assert rows.observed.tolist() == [0, 1, 1, 0, 1]  # the second month's losses were not final yet
    assert rows.cause.tolist() == [0, -1, -1, -1, -1]
    assert followed(data, keeps_treated=True).as_known_on(date(2024, 1, 20), data.policy).size == 0


def test_a_sample_holds_the_same_rows_whatever_others_there_are() -> None:
    data = training_set(customers=2_000, snapshots=3)
    rows = followed(data, keeps_treated=True)
    sample = rows.sampled(1_500)
    assert 1_300 < sample.size < 1_700
    assert data.times is not None
    fewer = replace(data, times=data.times.filter(pl.col("customer_id") < "c01000"))
    again = followed(fewer, keeps_treated=True).sampled(750)  # the same share of half the rows
    chosen = {*zip(sample.frame["customer_id"], sample.day.tolist(), strict=True)}
    assert {*zip(again.frame["customer_id"], again.day.tolist(), strict=True)} <= chosen


def test_hazards_are_judged_from_the_day_that_both_sides_are_followed_longest_around() -> None:
    days = [date(2024, month, 1) for month in range(1, 13)]
    seen = {day: 12 - place for place, day in enumerate(days)}
    assert cut_day(days, seen) == date(2024, 7, 1)
    assert cut_day(days[:1], seen) is None
    assert np.all(np.diff(list(seen.values())) == -1)
