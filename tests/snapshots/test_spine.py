"""Who is in the population at a date, as known at that date, and what they are worth."""

from __future__ import annotations

from datetime import date, datetime

import pytest

from churn.snapshots.policy import SnapshotPolicy
from tests.worlds import World, at, build, rows

DAY = "2024-06-01"


def population(world: World, *dates: str, policy: SnapshotPolicy | None = None) -> list[tuple[str, str]]:
    """Return the spine of `world`."""
    with world.warehouse() as warehouse:
        build(warehouse, *(dates or (DAY,)), policy=policy)
        return [
            (customer, str(day)) for customer, day in rows(warehouse, "snapshots.spine", "customer_id", "snapshot_date")
        ]


def test_only_those_whose_service_runs_at_the_date_are_in_it() -> None:
    world = World()
    world.subscription("runs", "2024-05-01").subscription("begins that day", DAY).subscription(
        "begins later", "2024-06-02"
    )
    world.subscription("ended before", "2024-05-01", end="2024-05-31 23:59:59", reason="voluntary")
    world.subscription("ends that day", "2024-05-01", end=DAY)
    world.subscription("paused", "2024-03-01", end="2024-05-10", reason="pause")
    world.subscription("back from a pause", "2024-03-01", end="2024-04-10", reason="pause")
    world.subscription("back from a pause", "2024-05-20")
    assert population(world) == [(name, DAY) for name in ("back from a pause", "ends that day", "runs")]


def test_a_term_that_ended_within_the_grace_days_may_be_renewed_and_keeps_the_customer_in_it() -> None:
    world = World()
    world.subscription("last day", "2024-05-01", end="2024-05-31")
    world.subscription("last second", "2024-05-01", end="2024-05-31 23:59:59")
    world.subscription("upgrades overnight", "2024-05-01", end="2024-05-31 22:00", reason="plan_change", fee=20)
    world.subscription("upgrades overnight", "2024-06-01 08:00", fee=40)
    world.subscription("a week ago", "2024-05-01", end="2024-05-25")
    world.subscription("longer ago", "2024-05-01", end="2024-05-24 23:59:59")
    world.subscription("decided", "2024-05-01", canceled="2024-05-20", end="2024-05-31")
    world.subscription("failed to pay", "2024-05-01", end="2024-05-31", reason="payment_failure")
    world.subscription("pauses", "2024-05-01", end="2024-05-31", reason="pause")
    with world.warehouse() as warehouse:
        build(warehouse, DAY)
        assert rows(warehouse, "snapshots.customer_value", "customer_id", "monthly_fee") == [
            ("a week ago", 25.0),
            ("last day", 25.0),
            ("last second", 25.0),
            ("upgrades overnight", 20.0),
        ]


def test_calendar_terms_hold_the_same_customers_on_the_first_as_on_the_second() -> None:
    world = World()
    for month, end in ((3, "2024-03-31"), (4, "2024-04-30"), (5, "2024-05-31"), (6, "2024-06-30"), (7, "2024-07-31")):
        world.subscription("stays", f"2024-{month:02d}-01", end=end)
        if month < 7:
            world.subscription("leaves in June", f"2024-{month:02d}-01", end=end)
    world.subscription("joins later", "2024-09-15")
    with world.warehouse() as warehouse:
        policy = SnapshotPolicy(dated_by="end_of_service")
        build(warehouse, DAY, "2024-06-02", policy=policy, cutoff=at("2024-08-01"))
        told = rows(warehouse, "snapshots.labels", "customer_id", "snapshot_date", "has_churned", "churned_at")
    june = [date(2024, 6, 1), date(2024, 6, 2)]
    assert [row for row in told if row[0] == "stays"] == [("stays", day, False, None) for day in june]
    assert [row for row in told if row[0] != "stays"] == [
        ("leaves in June", day, True, datetime(2024, 6, 30)) for day in june
    ]


def test_trials_are_in_no_population_and_no_label_where_they_are_left_out() -> None:
    world = World()
    world.subscription("tries", "2024-05-20", plan="Trial", fee=0)
    world.subscription("stayed after it", "2024-05-01", end="2024-05-15", plan="trial", fee=0)
    world.subscription("stayed after it", "2024-05-15")
    world.subscription("leaves for a free plan", "2024-01-01", end="2024-06-10")
    world.subscription("leaves for a free plan", "2024-06-10", plan="free", fee=0)
    world.subscription("joins later", "2024-08-15")
    policies = {
        "all": SnapshotPolicy(),
        "no trial": SnapshotPolicy(excluded_plans=("trial",)),
        "paid": SnapshotPolicy(excludes_free=True),
    }
    found = {}
    for name, policy in policies.items():
        with world.warehouse() as warehouse:
            build(warehouse, DAY, policy=policy)
            found[name] = dict(rows(warehouse, "snapshots.labels", "customer_id", "has_churned"))
    assert found["all"] == {"leaves for a free plan": False, "stayed after it": False, "tries": False}
    assert found["no trial"] == {"leaves for a free plan": False, "stayed after it": False}
    assert found["paid"] == {"leaves for a free plan": True, "stayed after it": False}


def test_what_ended_before_it_began_never_was() -> None:
    world = World().subscription("a", "2024-05-10", end="2024-05-01").subscription("b", "2024-05-10")
    assert population(world) == [("b", DAY)]


def test_an_end_that_nobody_knew_of_yet_leaves_the_customer_in_it() -> None:
    world = World().subscription("a", "2024-05-01", end="2024-05-20", known="2024-06-04")
    assert population(world, DAY, "2024-07-01") == [("a", DAY)]


def test_a_start_that_nobody_knew_of_yet_leaves_the_customer_out() -> None:
    world = World().subscription("a", "2024-05-01", known="2024-06-04")
    assert population(world, DAY, "2024-07-01") == [("a", "2024-07-01")]


def test_a_corrected_end_counts_from_the_moment_of_the_correction() -> None:
    world = World().subscription("a", "2024-01-01", end="2024-05-24", name="s").subscription("b", "2024-01-01")
    world.add(
        "subscription_events", "2024-06-20", "2024-06-10", customer_id="a", subscription_id="s", event_type="ended"
    )
    with world.warehouse() as warehouse:
        build(warehouse, "2024-05-20", DAY)
        assert rows(warehouse, "snapshots.spine", "customer_id", "snapshot_date") == [
            ("a", date(2024, 5, 20)),
            ("b", date(2024, 5, 20)),
            ("b", date(2024, 6, 1)),
        ]
        assert rows(warehouse, "snapshots.labels", "customer_id", "has_churned") == [
            ("a", True),
            ("b", False),
            ("b", False),
        ]


def test_nobody_is_in_it_twice_however_many_subscriptions_they_have() -> None:
    world = World().subscription("a", "2024-05-01").subscription("a", "2024-05-02").subscription("a", "2024-05-03")
    assert population(world, DAY, "2024-07-01") == [("a", DAY), ("a", "2024-07-01")]


def test_without_contract_those_active_within_the_inactivity_days_are_in_it() -> None:
    world = World().session("on the first day", "2024-05-02").session("a day too early", "2024-05-01 23:00")
    world.session("that day", DAY).session("told late", "2024-05-20", known="2024-06-03")
    policy = SnapshotPolicy(definition="inactivity", inactivity_days=30)
    assert population(world, policy=policy) == [("on the first day", DAY)]


def test_a_dated_flat_source_brings_its_own_dates_and_an_undated_one_is_of_any_date() -> None:
    world = (
        World().flat("dated", "2024-06-01", age=1).flat("of another date", "2024-05-01", age=2).flat("undated", age=3)
    )
    assert population(world) == [("dated", DAY), ("undated", DAY)]


def test_a_flat_source_beside_contracts_does_not_add_customers() -> None:
    assert population(World().flat("flat", DAY, age=1).subscription("a", "2024-05-01")) == [("a", DAY)]


@pytest.mark.parametrize(("fee", "expected"), [(40.0, 40.0), (0.0, 0.0), (None, 19.0)])
def test_value_is_the_fee_and_the_default_where_it_is_not_known(fee: float | None, expected: float) -> None:
    with World().subscription("a", "2024-05-01", fee=fee, plan="plus").warehouse() as warehouse:
        build(warehouse, DAY, policy=SnapshotPolicy(default_monthly_fee=19.0, margin_rate=0.5))
        found = rows(warehouse, "snapshots.customer_value", "plan", "monthly_fee", "monthly_margin")
    assert found == [("plus", expected, expected / 2)]


def test_value_adds_the_fees_of_running_subscriptions_and_names_the_newest_plan() -> None:
    world = (
        World().subscription("a", "2024-01-01", fee=10, plan="old").subscription("a", "2024-05-01", fee=5, plan="new")
    )
    world.subscription("a", "2024-02-01", fee=100, plan="gone", end="2024-03-01")
    with world.warehouse() as warehouse:
        build(warehouse, DAY)
        assert rows(warehouse, "snapshots.customer_value", "plan", "monthly_fee") == [("new", 15.0)]


def test_value_without_contract_is_a_third_of_what_was_paid_in_90_days() -> None:
    world = World().payment("a", "2024-05-01", amount=60).payment("a", "2024-05-02", "failed", amount=999)
    world.payment("a", "2024-05-03", amount=30).payment("a", "2024-01-03", amount=500)
    policy = SnapshotPolicy(definition="inactivity", activity_table="payments")
    with world.warehouse() as warehouse:
        build(warehouse, DAY, policy=policy)
        assert rows(warehouse, "snapshots.customer_value", "monthly_fee") == [(30.0,)]


def test_contacts_by_campaigns_before_the_window_opens_mark_a_row_as_treated() -> None:
    """Of those contacted later everybody was still there: without them too many would seem to leave."""
    world = World()
    days = {"before": "2024-05-31", "that day": DAY, "the day after": "2024-06-02", "in the window": "2024-06-03",
            "its last day": "2024-07-02", "after": "2024-07-03"}  # fmt: skip
    for customer, day in days.items():
        world.subscription(customer, "2024-01-01").contact(customer, day)
    world.subscription("no campaign", "2024-01-01").contact("no campaign", "2024-06-10", campaign=None)
    with world.warehouse() as warehouse:
        build(warehouse, DAY)
        assert rows(warehouse, "snapshots.treatments", "customer_id, is_treated") == [
            ("in the window", False), ("its last day", False), ("that day", True), ("the day after", True),
        ]  # fmt: skip
