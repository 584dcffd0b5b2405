"""What counts as churn: every definition, and the cases that only look like it. One company, told once per module."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest

from churn.snapshots.policy import SnapshotPolicy
from churn.warehouse import Warehouse
from tests.worlds import World, at, build

pytestmark = pytest.mark.xdist_group("labels")  # the company is built once
DAY = "2024-06-01"  # lead 2 and horizon 30: the window is [2024-06-03, 2024-07-03)
START = "2024-01-05"


def company() -> World:
    """Return customers whose names tell their story."""
    world = World()
    world.subscription("stays", START)
    world.subscription("cancels", START, canceled="2024-06-20", end="2024-06-30", reason="voluntary")
    world.subscription("cancels in time, ends late", START, canceled="2024-06-20", end="2024-08-05")
    world.subscription("canceled after the end", START, canceled="2024-06-25", end="2024-06-20", reason="voluntary")
    world.subscription("ends for unknown reason", START, end="2024-06-20")
    world.subscription("cancels, no end noted", START, canceled="2024-06-20")
    world.subscription("cancels at first instant", START, canceled="2024-06-03", end="2024-06-03")
    world.subscription("cancels at last instant", START, canceled="2024-07-02 23:59:59", end="2024-07-04")
    world.subscription("cancels an instant late", START, canceled="2024-07-03", end="2024-07-04")
    world.subscription("cancels in lead", START, canceled="2024-06-02 12:00", end="2024-06-10")
    world.subscription("left, told late", START, end="2024-05-28", known="2024-06-09")
    world.subscription("canceled before", START, canceled="2024-05-20", end="2024-06-20")
    world.subscription("resumes in grace", START, canceled="2024-06-10", end="2024-06-10")
    world.subscription("resumes in grace", "2024-06-15")
    world.subscription("resumes on last day of grace", START, end="2024-06-10")
    world.subscription("resumes on last day of grace", "2024-06-17")
    world.subscription("resumes after grace", START, end="2024-06-10")
    world.subscription("resumes after grace", "2024-06-18")
    world.subscription("resumes before service ends", START, canceled="2024-06-10", end="2024-06-30")
    world.subscription("resumes before service ends", "2024-06-20")
    world.subscription("pauses", START, end="2024-06-10", reason="pause")
    world.subscription("pauses and returns", START, end="2024-06-10", reason="pause")
    world.subscription("pauses and returns", "2024-08-10")
    world.subscription("switches plan", START, end="2024-06-10", reason="plan_change", plan="plus", fee=40)
    world.subscription("switches plan", "2024-06-10", plan="basic", fee=25)
    world.subscription("is refunded", START).payment("is refunded", "2024-06-10", "refunded")
    world.subscription("pays after dunning", START).payment("pays after dunning", "2024-06-05", "failed")
    world.payment("pays after dunning", "2024-06-09")
    world.subscription("restored after dunning", START, end="2024-06-10", reason="payment_failure")
    world.subscription("restored after dunning", "2024-06-14")
    world.subscription("unpaid but active", START)
    for day in ("2024-05-05", "2024-06-05", "2024-07-05"):
        world.payment("unpaid but active", day, "failed")
    world.subscription("payment fails for good", START, end="2024-06-12", reason="payment_failure")
    world.subscription("renews", "2024-04-05", end="2024-05-05").subscription("renews", "2024-05-05", end="2024-06-05")
    world.subscription("renews", "2024-06-05", end="2024-07-05").subscription("renews", "2024-07-05")
    world.subscription("renews with a gap", "2024-05-05", end="2024-06-05")
    world.subscription("renews with a gap", "2024-06-08", end="2024-07-08").subscription(
        "renews with a gap", "2024-07-08"
    )
    world.subscription("renews no more", "2024-04-05", end="2024-05-05")
    world.subscription("renews no more", "2024-05-05", end="2024-06-05")
    world.subscription("drops one of two", START, end="2024-06-10").subscription("drops one of two", START)
    return world


STAYERS = (
    "stays",
    "cancels an instant late",
    "resumes in grace",
    "resumes on last day of grace",
    "resumes before service ends",
    "pauses",
    "pauses and returns",
    "switches plan",
    "is refunded",
    "pays after dunning",
    "restored after dunning",
    "unpaid but active",
    "renews",
    "renews with a gap",
    "drops one of two",
)
CHURNERS = {
    "cancels": ("2024-06-20", "voluntary"),
    "cancels in time, ends late": ("2024-06-20", "voluntary"),
    "canceled after the end": ("2024-06-20", "voluntary"),
    "ends for unknown reason": ("2024-06-20", "voluntary"),
    "cancels, no end noted": ("2024-06-20", "voluntary"),
    "cancels at first instant": ("2024-06-03", "voluntary"),
    "cancels at last instant": ("2024-07-02 23:59:59", "voluntary"),
    "resumes after grace": ("2024-06-10", "voluntary"),
    "payment fails for good": ("2024-06-12", "involuntary"),
    "renews no more": ("2024-06-05", "voluntary"),
}
LEAD = ("cancels in lead", "left, told late")


def labels(warehouse: Warehouse) -> dict[str, dict[str, Any]]:
    """Return each customer's label."""
    names = ("has_churned", "churned_at", "churn_kind", "is_mature", "is_churned_in_lead")
    found = warehouse.rows(
        f"select customer_id, {', '.join(names)} from snapshots.labels where snapshot_date = ? order by 1", [at(DAY)]
    )
    return {customer: dict(zip(names, values, strict=True)) for customer, *values in found}


def judged(policy: SnapshotPolicy, cutoff: str | None = None) -> dict[str, dict[str, Any]]:
    """Return the company's labels under `policy`."""
    with company().warehouse() as warehouse:
        # The early date has a closed window whatever the cutoff, so that there are labels at all.
        build(warehouse, "2024-03-01", DAY, policy=policy, **({"cutoff": at(cutoff)} if cutoff else {}))
        return labels(warehouse)


@pytest.fixture(scope="module")
def by_decision() -> Iterator[dict[str, dict[str, Any]]]:
    """The company under the default policy."""
    return judged(SnapshotPolicy())


@pytest.mark.parametrize("story", STAYERS)
def test_it_is_no_churn_when_a_customer(story: str, by_decision: dict[str, dict[str, Any]]) -> None:
    assert by_decision[story] == {
        "has_churned": False,
        "churned_at": None,
        "churn_kind": None,
        "is_mature": True,
        "is_churned_in_lead": False,
    }


@pytest.mark.parametrize("story", CHURNERS)
def test_it_is_churn_when_a_customer(story: str, by_decision: dict[str, dict[str, Any]]) -> None:
    when, kind = CHURNERS[story]
    assert by_decision[story]["has_churned"] is True
    assert by_decision[story]["churned_at"] == at(when)
    assert by_decision[story]["churn_kind"] == kind


@pytest.mark.parametrize("story", LEAD)
def test_a_loss_before_the_window_opens_is_excluded_and_told(
    story: str, by_decision: dict[str, dict[str, Any]]
) -> None:
    assert by_decision[story]["has_churned"] is None
    assert by_decision[story]["is_churned_in_lead"] is True


def test_a_customer_who_has_decided_to_leave_is_no_longer_in_the_population(by_decision: dict[str, Any]) -> None:
    assert "canceled before" not in by_decision


def test_dated_by_end_of_service_the_end_counts_and_not_the_decision() -> None:
    found = judged(SnapshotPolicy(dated_by="end_of_service"))
    assert found["canceled before"]["churned_at"] == at("2024-06-20")
    assert found["cancels"]["churned_at"] == at("2024-06-30")
    assert found["cancels in time, ends late"]["has_churned"] is False
    assert found["cancels, no end noted"]["has_churned"] is False
    assert found["payment fails for good"]["churned_at"] == at("2024-06-12")
    assert all(found[story]["has_churned"] is False for story in STAYERS if story != "cancels an instant late")


def test_the_voluntary_definition_leaves_failed_payments_among_the_stayers_and_says_so() -> None:
    found = judged(SnapshotPolicy(definition="voluntary"))
    assert found["cancels"]["has_churned"] is True
    assert found["payment fails for good"]["has_churned"] is False
    assert found["payment fails for good"]["churn_kind"] == "involuntary"


def test_the_involuntary_definition_counts_final_payment_failures_alone() -> None:
    found = judged(SnapshotPolicy(definition="involuntary"))
    assert [story for story, label in found.items() if label["has_churned"]] == ["payment fails for good"]


def test_without_grace_a_return_the_next_day_comes_too_late() -> None:
    found = judged(SnapshotPolicy(grace_days=0))
    assert found["resumes in grace"]["has_churned"] is True
    assert found["switches plan"]["has_churned"] is False
    assert found["renews"]["has_churned"] is False


@pytest.mark.parametrize(("cutoff", "is_mature"), [("2024-07-09 23:59:59", False), ("2024-07-10", True)])
def test_a_label_is_unknown_until_the_window_and_the_grace_days_have_passed(cutoff: str, is_mature: bool) -> None:
    found = judged(SnapshotPolicy(), cutoff)
    assert {label["is_mature"] for label in found.values()} == {is_mature}
    assert found["cancels"]["has_churned"] is (True if is_mature else None)
    assert (found["cancels"]["churned_at"] is not None) is is_mature


@pytest.mark.parametrize("table", ["sessions", "payments", "events"])
def test_silence_for_the_set_days_is_churn_where_there_is_no_contract(table: str) -> None:
    world = World()
    stories = {
        "speaks after the window": ["2024-05-20", "2024-07-15"],
        "falls silent": ["2024-05-20"],
        "speaks in lead alone": ["2024-05-20", "2024-06-02"],
        "speaks on the last day": ["2024-05-20", "2024-07-02"],
        "speaks a day late": ["2024-05-20", "2024-07-03"],
        "was silent before": ["2024-05-01", "2024-06-20"],
        "was told late": ["2024-05-20", "2024-06-20"],
    }
    for customer, days in stories.items():
        for day in days:
            known = "2024-06-05" if customer == "was told late" and day < DAY else None
            if table == "sessions":
                world.session(customer, day, known=known)
            elif table == "payments":
                world.payment(customer, day, known=known)
            else:
                world.event(customer, day, known=known)
    policy = SnapshotPolicy(definition="inactivity", inactivity_days=30, activity_table=table, horizon_days=5)
    with world.warehouse() as warehouse:
        build(warehouse, DAY, policy=policy)
        assert {customer: label["has_churned"] for customer, label in labels(warehouse).items()} == {
            "speaks after the window": True,
            "falls silent": True,
            "speaks in lead alone": True,
            "speaks on the last day": False,
            "speaks a day late": True,
        }


def test_a_failed_payment_is_no_sign_of_life() -> None:
    world = World().payment("a", "2024-05-20").payment("a", "2024-06-20", "failed").payment("b", "2024-07-20")
    with world.warehouse() as warehouse:
        build(
            warehouse,
            DAY,
            policy=SnapshotPolicy(definition="inactivity", inactivity_days=30, activity_table="payments"),
        )
        assert labels(warehouse)["a"]["has_churned"] is True


def test_the_label_of_a_flat_source_is_taken_as_it_is() -> None:
    world = World().flat("left", None, True, age=3).flat("stayed", None, False, age=4).flat("new", None, None, age=5)
    with world.warehouse() as warehouse:
        build(warehouse, DAY, cutoff=datetime.fromisoformat("2024-01-01"))
        found = {customer: (label["has_churned"], label["is_mature"]) for customer, label in labels(warehouse).items()}
    assert found == {"left": (True, True), "stayed": (False, True), "new": (None, False)}
