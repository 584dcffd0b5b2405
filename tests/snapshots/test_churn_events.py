"""Where a table of who left when says what churn is: population, labels, grace, and how far it tells."""

from __future__ import annotations

from datetime import date

import pytest

from churn.campaigns.facts import read_left
from churn.errors import NotEnoughData
from churn.snapshots.dates import data_cutoff, final_until, training_dates
from churn.snapshots.policy import SnapshotPolicy
from tests.worlds import World, at, build, rows

DAY = "2024-06-01"  # lead 2 and horizon 30: the window is [2024-06-03, 2024-07-03)
POLICY = SnapshotPolicy(told_by="churn_events")


def labels(world: World, policy: SnapshotPolicy = POLICY) -> dict[str, tuple[bool | None, str | None]]:
    with world.churn("~", "2024-12-31").warehouse() as warehouse:
        build(warehouse, DAY, policy=policy)
        found = rows(warehouse, "snapshots.labels", "customer_id", "has_churned", "churn_kind")
        return {customer: (has_churned, kind) for customer, has_churned, kind in found}


def test_the_table_defines_the_label_and_ends_of_subscriptions_do_not() -> None:
    world = World()
    for name in ("stays", "leaves", "cannot pay", "pauses", "leaves late", "in lead", "term ends", "told late"):
        world.subscription(name, "2024-01-05", end="2024-06-10" if name == "term ends" else None)
    world.churn("leaves", "2024-06-20", "too expensive").churn("cannot pay", "2024-06-12", "payment_failure")
    world.churn("pauses", "2024-06-12", "pause").churn("leaves late", "2024-07-03").churn("in lead", "2024-06-02")
    world.churn("told late", "2024-06-20", known="2024-09-01")
    world.subscription("left before", "2024-01-05").churn("left before", "2024-05-20")
    world.subscription("left, nobody knew", "2024-01-05").churn("left, nobody knew", "2024-05-20", known="2024-06-05")
    assert labels(world) == {
        "stays": (False, None),
        "leaves": (True, "voluntary"),
        "cannot pay": (True, "involuntary"),
        "pauses": (False, None),
        "leaves late": (False, None),
        "in lead": (None, "voluntary"),
        "term ends": (False, None),
        "told late": (True, "voluntary"),
        "left, nobody knew": (None, "voluntary"),
    }


def test_a_start_within_the_grace_days_takes_a_loss_back_and_a_later_one_is_a_return() -> None:
    world = World()
    for name, back in (("within grace", "2024-06-17"), ("after grace", "2024-06-19")):
        world.subscription(name, "2024-01-05").churn(name, "2024-06-10").subscription(name, back)
    world.subscription("came back", "2023-01-05").churn("came back", "2024-02-01").subscription(
        "came back", "2024-04-01"
    )
    assert labels(world) == {
        "within grace": (False, None),
        "after grace": (True, "voluntary"),
        "came back": (False, None),
    }


def test_without_subscriptions_customers_are_there_from_their_sign_up() -> None:
    world = World().customer("stays", "2024-01-05").customer("leaves", "2024-01-05").customer("new", "2024-06-02")
    world.customer("left before", "2024-01-05").churn("left before", "2024-03-01").churn("leaves", "2024-06-20")
    assert labels(world) == {"stays": (False, None), "leaves": (True, "voluntary")}


def test_a_correction_of_a_churn_event_counts_from_when_it_was_known() -> None:
    world = World().subscription("a", "2024-01-05").churn("a", "2024-05-20", "voluntary")
    world.told_again("churn_events", 0, "2024-05-25", reason="plan_change")
    assert labels(world) == {"a": (False, None)}
    world = World().subscription("a", "2024-01-05").churn("a", "2024-05-20", "voluntary")
    world.told_again("churn_events", 0, "2024-06-25", reason="plan_change")
    assert labels(world) == {}


def test_labels_are_final_as_far_as_the_table_tells() -> None:
    world = World().subscription("a", "2023-01-01").daily_sessions("a", "2024-01-01", "2024-12-30")
    with world.churn("b", "2024-08-14").warehouse() as warehouse:
        assert data_cutoff(warehouse) == at("2024-12-31")
        assert final_until(warehouse, POLICY, at("2024-12-31")) == at("2024-08-15")
        assert training_dates(warehouse, POLICY)[-1] == date(2024, 7, 1)
    with (
        World().subscription("a", "2023-01-01").warehouse() as warehouse,
        pytest.raises(NotEnoughData, match=r"nothing tells who left.*sources.churn_events"),
    ):
        final_until(warehouse, POLICY, at("2024-12-31"))


def test_who_has_left_by_the_table_is_not_planned() -> None:
    world = World().subscription("gone", "2024-01-01").churn("gone", "2024-06-01").subscription("stays", "2024-01-01")
    world.subscription("back", "2024-01-01").churn("back", "2024-02-01").subscription("back", "2024-04-01")
    world.subscription("later", "2024-01-01").churn("later", "2024-09-01")
    with world.warehouse() as warehouse:
        found = read_left(
            warehouse,
            at("2024-06-05"),
            reached=at("2024-06-05"),
            grace_days=7,
            counts_decisions=True,
            told_by="churn_events",
        )
    assert sorted(found) == ["gone"]
