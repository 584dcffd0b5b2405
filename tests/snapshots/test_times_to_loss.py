"""How long customers stayed after a snapshot: told histories, the end of sight, and agreement with labels."""

from __future__ import annotations

from typing import Any

import pytest

from churn.snapshots.dataset import times_to_loss, training_set
from churn.snapshots.policy import SnapshotPolicy
from churn.warehouse import Warehouse
from tests.worlds import World, at, build, shipped_models

pytestmark = pytest.mark.xdist_group("labels")
EARLY, DAY = "2024-04-01", "2024-06-01"  # lead 2: the days count from 3 April and 3 June
START = "2024-01-05"
CUTOFF = "2024-12-10"  # grace 7: sight ends on 3 December, 183 days after the window of 1 June opened


def company() -> World:
    world = World()
    world.subscription("stays", START)
    world.subscription("cancels on day 17.5", START, canceled="2024-06-20 12:00", end="2024-06-30", reason="voluntary")
    world.subscription("cancels at the first instant", START, canceled="2024-06-03", end="2024-06-03")
    world.subscription("cancels in lead", START, canceled="2024-06-02", end="2024-06-10")
    world.subscription("is lost after five months", START, end="2024-10-31", reason="payment_failure")
    world.subscription("resumes in grace", START, end="2024-06-10").subscription("resumes in grace", "2024-06-15")
    world.subscription("leaves and returns", START, end="2024-07-03").subscription("leaves and returns", "2024-09-01")
    world.subscription("pauses for good", START, end="2024-07-13", reason="pause")
    world.subscription("switches plan", START, end="2024-07-13", reason="plan_change", plan="plus")
    world.subscription("switches plan", "2024-07-13", plan="basic")
    world.subscription("is lost an instant before sight ends", START, end="2024-12-02 23:59:59")
    world.subscription("is lost in the last grace days", START, end="2024-12-03")
    world.subscription("joins later", "2024-05-20", end="2024-08-02", reason="voluntary")
    return world


def followed(warehouse: Warehouse, day: str = DAY) -> dict[str, tuple[float, bool, str | None]]:
    rows = times_to_loss(warehouse).to_dicts()
    return {
        row["customer_id"]: (round(row["days"], 3), row["is_lost"], row["churn_kind"])
        for row in rows
        if row["snapshot_date"] == at(day).date()
    }


def test_days_count_from_the_opening_of_the_window_to_the_loss_or_the_end_of_sight() -> None:
    with company().warehouse() as warehouse:
        build(warehouse, EARLY, DAY, cutoff=at(CUTOFF))
        times, earlier = followed(warehouse), followed(warehouse, EARLY)
    unseen = (183.0, False, None)
    assert times == {
        "stays": unseen,
        "cancels on day 17.5": (17.5, True, "voluntary"),
        "cancels at the first instant": (0.0, True, "voluntary"),
        "is lost after five months": (150.0, True, "involuntary"),
        "resumes in grace": unseen,
        "leaves and returns": (30.0, True, "voluntary"),
        "pauses for good": (40.0, False, None),
        "switches plan": unseen,
        "is lost an instant before sight ends": (183.0, True, "voluntary"),
        "is lost in the last grace days": unseen,
        "joins later": (60.0, True, "voluntary"),
    }
    assert earlier["cancels in lead"] == (60.0, True, "voluntary")  # of an earlier snapshot it is a loss like others
    assert earlier["stays"] == (244.0, False, None)
    assert "joins later" not in earlier


def test_what_comes_after_the_cutoff_changes_nothing() -> None:
    with company().warehouse() as warehouse:
        build(warehouse, EARLY, DAY, cutoff=at("2024-07-10"))
        before = followed(warehouse)
    world = company().subscription("stays", "2024-07-20", name="another").subscription("late", "2024-07-11")
    world.told_again("subscription_events", 0, "2024-08-01")
    with world.warehouse() as warehouse:
        build(warehouse, EARLY, DAY, cutoff=at("2024-07-10"))
        assert followed(warehouse) == before
    assert before["leaves and returns"] == (30.0, False, None)  # its loss is not final yet
    assert before["is lost after five months"] == (30.0, False, None)
    assert before["cancels on day 17.5"] == (17.5, True, "voluntary")


@pytest.mark.parametrize("definition", ["any", "voluntary", "involuntary"])
def test_the_first_thirty_days_tell_what_labels_tell(definition: str) -> None:
    policy = SnapshotPolicy(definition=definition)
    with company().warehouse() as warehouse:
        build(warehouse, EARLY, DAY, policy=policy, cutoff=at(CUTOFF))
        times = followed(warehouse)
        labels = training_set(warehouse, shipped_models(), policy).frame
    labelled = {
        row["customer_id"]: row["has_churned"] for row in labels.to_dicts() if row["snapshot_date"] == at(DAY).date()
    }
    counted = ("voluntary", "involuntary") if definition == "any" else (definition,)
    assert labelled.keys() == times.keys()
    for customer, (days, is_lost, kind) in times.items():
        assert labelled[customer] == (is_lost and days < 30 and kind in counted), customer


@pytest.mark.parametrize("world", ["silence", "flat"])
def test_where_no_day_of_loss_is_told_there_are_no_times(world: str) -> None:
    told: dict[str, Any] = {}
    if world == "silence":
        company_of = World().session("a", "2024-05-20").session("a", "2024-12-01")
        told["policy"] = SnapshotPolicy(definition="inactivity", inactivity_days=30)
    else:
        company_of = World().flat("a", DAY, churned=True).flat("b", DAY, churned=False)
    with company_of.warehouse() as warehouse:
        build(warehouse, DAY, cutoff=at(CUTOFF), **told)
        assert times_to_loss(warehouse).is_empty()
