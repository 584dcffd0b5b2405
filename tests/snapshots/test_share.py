"""Of a large company a share of the customers is built: by a hash of their id, the same ones on every date, as they are in the whole."""

from __future__ import annotations

from datetime import date

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from churn.snapshots.dataset import TrainingSet, build_snapshots, share_within, training_set
from churn.snapshots.observations import read_observations
from churn.snapshots.policy import SnapshotPolicy
from tests.worlds import FAR, World, goes_on, shipped_models

CUSTOMERS = 400
DAYS = [date(2024, 4, 1), date(2024, 5, 1), date(2024, 6, 1)]
POLICIES = [
    SnapshotPolicy(),
    SnapshotPolicy(definition="inactivity", inactivity_days=60, dated_by="end_of_service"),
    SnapshotPolicy(told_by="churn_events"),
]


def company() -> World:
    """Customers who use, pay, ask for help, change plans, and of whom some leave."""
    world = World()
    for number in range(CUSTOMERS):
        who = f"c{number}"
        world.customer(who, "2023-06-01").subscription(
            who, "2023-06-01", canceled="2024-05-20" if number % 9 == 0 else None, fee=20 + number % 7
        )
        world.session(who, "2024-03-20").session(who, "2024-05-12").event(who, "2024-05-02", f"kind {number % 3}")
        world.payment(who, "2024-05-03", status="failed" if number % 5 == 0 else "succeeded")
        if number % 4 == 0:
            world.ticket(who, "2024-05-04")
        if number % 11 == 0:
            world.churn(who, "2024-04-20")
    return world.session("c0", "2024-11-30").churn("c0", "2024-11-30")  # facts reach beyond every label window


def built(policy: SnapshotPolicy, share: float) -> TrainingSet:
    with company().warehouse() as warehouse:
        goes_on(warehouse, FAR)
        models = shipped_models()
        build_snapshots(warehouse, models, policy, DAYS, data_cutoff=FAR, shares=dict.fromkeys(DAYS, share))
        return training_set(warehouse, models, policy)


@pytest.mark.parametrize("policy", POLICIES, ids=["subscriptions", "inactivity", "churn events"])
def test_who_is_taken_is_as_in_the_whole_and_taken_on_every_date(policy: SnapshotPolicy) -> None:
    whole, part = built(policy, 1.0), built(policy, 0.25)
    taken = part.frame["customer_id"].unique()
    assert_frame_equal(part.frame, whole.frame.filter(pl.col("customer_id").is_in(taken.implode())))
    assert 0.15 * CUSTOMERS < taken.len() < 0.35 * CUSTOMERS  # 4.6 standard deviations
    assert (whole.share, part.share) == (1.0, pytest.approx(0.25))
    assert part.counts["rows"] == part.frame.height
    assert part.times is not None
    assert whole.times is not None
    among = pl.col("customer_id").is_in(taken.implode())
    assert_frame_equal(part.times.filter(among), whole.times.filter(among))


def test_a_smaller_share_is_of_those_in_a_larger_one() -> None:
    small, large = (set(built(POLICIES[0], share).frame["customer_id"]) for share in (0.1, 0.5))
    assert small < large


def test_exploration_reads_the_newest_date_whole_and_says_what_share_it_reads_of_earlier_ones() -> None:
    nobody = pl.DataFrame(schema={"customer_id": pl.String, "snapshot_date": pl.Date})
    with company().warehouse() as warehouse:
        shares = dict.fromkeys(DAYS[:-1], 0.25)
        build_snapshots(warehouse, shipped_models(), POLICIES[0], DAYS, data_cutoff=FAR, shares=shares)
        found = read_observations(warehouse, POLICIES[0], assigned=nobody)
        spine = dict(warehouse.rows("select snapshot_date, count(*) from snapshots.spine group by 1"))
    assert found.sampled == pytest.approx(0.25)
    assert np.bincount(found.date_index).tolist() == [spine[day] for day in DAYS]
    stayed = sum(number % 9 != 0 for number in range(CUSTOMERS))
    assert spine[DAYS[-1]] == stayed
    assert all(0.15 * CUSTOMERS < spine[day] < 0.35 * CUSTOMERS for day in DAYS[:-1])


@pytest.mark.parametrize(("most_rows", "share"), [(10_000, 1.0), (3 * CUSTOMERS, 1.0), (300, 0.25)])
def test_the_share_is_that_of_the_rows_allowed(most_rows: int, share: float) -> None:
    early = [date(2024, 4, 1), date(2024, 4, 8), date(2024, 4, 15)]  # before anybody leaves
    with company().warehouse() as warehouse:
        found = share_within(warehouse, shipped_models(), SnapshotPolicy(), early, data_cutoff=FAR, most_rows=most_rows)
    assert found == share
