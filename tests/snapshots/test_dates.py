"""How far the facts reach, and which dates follow from that."""

from __future__ import annotations

from datetime import date

import pytest

from churn.errors import NotEnoughData
from churn.snapshots.dates import data_cutoff, default_snapshot_date, final_until, is_flat, require_told, training_dates
from churn.snapshots.policy import SnapshotPolicy
from tests.worlds import World, at

TODAY = date(2030, 1, 1)


def test_facts_reach_to_the_midnight_after_the_newest_one_we_knew() -> None:
    world = World().subscription("a", "2024-01-01").session("a", "2024-03-04 05:00", known="2024-03-06 07:00")
    with world.warehouse() as warehouse:
        assert data_cutoff(warehouse) == at("2024-03-07")
        assert default_snapshot_date(warehouse, TODAY) == date(2024, 3, 7)
        assert default_snapshot_date(warehouse, date(2024, 3, 6)) == date(2024, 3, 6)


def test_an_announced_end_of_service_does_not_say_that_we_know_the_days_until_then() -> None:
    world = World().subscription("a", "2024-01-01", end="2024-12-31").session("a", "2024-03-04")
    with world.warehouse() as warehouse:
        assert data_cutoff(warehouse) == at("2024-03-05")


def test_where_contracts_are_renewed_the_newest_renewal_limits_what_is_known() -> None:
    renewed, cohort = World(), World()
    for month in range(1, 6):
        renewed.subscription("a", f"2024-0{month}-01", end=f"2024-0{month + 1}-01")
        cohort.subscription(f"c{month}", "2024-01-01", end=f"2024-0{month + 1}-01")
    for world in (renewed, cohort):
        with world.session("a", "2024-06-30").warehouse() as warehouse:
            assert data_cutoff(warehouse) == at("2024-05-02" if world is renewed else "2024-07-01")


def test_several_products_at_once_are_no_renewals() -> None:
    world = World().session("a", "2024-06-30")
    for number in range(6):
        world.subscription(f"c{number}", "2024-01-01").subscription(f"c{number}", "2024-01-01")
        world.subscription(f"c{number}", "2024-02-01", canceled=None if number else "2024-06-20")
    world.subscription("gone", "2024-01-01", end="2024-03-01", canceled="2024-03-01")
    with world.warehouse() as warehouse:
        assert data_cutoff(warehouse) == at("2024-07-01")
        assert final_until(warehouse, SnapshotPolicy(), at("2024-07-01")) == at("2024-06-21")


def test_a_term_renewed_before_it_ends_is_a_renewal() -> None:
    world = World().session("a", "2024-12-30")
    for month in range(1, 6):
        world.subscription("a", f"2024-0{month}-01", end=f"2024-0{month + 1}-15")
    with world.warehouse() as warehouse:
        assert data_cutoff(warehouse) == at("2024-05-02")


def test_a_fact_dated_after_the_load_that_brought_it_does_not_count() -> None:
    world = World().session("a", "2024-03-04").session("a", "2099-01-01")
    with world.warehouse() as warehouse:
        warehouse.execute(
            "create schema raw; create table raw.loads as select timestamp '2024-03-06 02:00' as loaded_at"
        )
        assert data_cutoff(warehouse) == at("2024-03-05")
        warehouse.execute(
            "insert into staging.sessions select 'a', timestamp '2024-03-06 01:00', '2024-03-06 01:00', 3, null, 1"
        )
        assert data_cutoff(warehouse) == at("2024-03-06 02:00")
        assert default_snapshot_date(warehouse, date(2024, 3, 6)) == date(2024, 3, 6)


def test_one_stray_fact_among_very_many_moves_neither_end() -> None:
    world = World().session("a", "1970-01-01").session("a", "2099-01-01")
    with world.warehouse() as warehouse:
        warehouse.execute(
            "insert into staging.sessions select 'a', t, t, 1, null, 1 from (select timestamp '2023-01-01' + to_hours(h) as t "
            "from range(20000) as r(h))"
        )
        assert data_cutoff(warehouse) == at("2025-04-14")
        assert training_dates(warehouse, SnapshotPolicy(), limit=999)[0] == date(2023, 4, 1)


def test_training_dates_follow_from_the_facts_behaviour_before_contracts() -> None:
    world = World().subscription("a", "2020-01-01").session("a", "2024-01-15").session("a", "2024-06-20")
    world.subscription("b", "2024-06-20")
    with world.warehouse() as warehouse:
        assert training_dates(warehouse, SnapshotPolicy()) == [date(2024, 4, 1), date(2024, 5, 1)]
        assert training_dates(warehouse, SnapshotPolicy(), every="2w", limit=1) == [date(2024, 5, 13)]


def test_a_flat_source_brings_its_labelled_dates() -> None:
    world = World().flat("a", "2024-01-01", True).flat("a", "2024-02-01", False).flat("a", "2024-03-01")
    with world.warehouse() as warehouse:
        assert is_flat(warehouse)
        assert training_dates(warehouse, SnapshotPolicy()) == [date(2024, 1, 1), date(2024, 2, 1)]
        assert default_snapshot_date(warehouse, TODAY) == date(2024, 3, 1)
        assert data_cutoff(warehouse) == at("2024-03-01")


def test_beside_other_facts_a_flat_source_leads_where_it_brings_labels() -> None:
    with World().flat("a", "2024-01-01", True).session("a", "2024-03-01").warehouse() as warehouse:
        assert is_flat(warehouse)
    with World().flat("a", "2024-01-01").session("a", "2024-03-01").warehouse() as warehouse:
        assert not is_flat(warehouse)
    with World().flat("a", "2024-01-01", True).subscription("a", "2023-01-01").warehouse() as warehouse:
        assert not is_flat(warehouse)


def test_an_undated_flat_source_is_of_the_day_of_its_load() -> None:
    with World().flat("a", None, True).flat("b", None, False).warehouse() as warehouse:
        assert training_dates(warehouse, SnapshotPolicy()) == [default_snapshot_date(warehouse, TODAY)]
        warehouse.execute(
            "create schema raw; create table raw.loads as select timestamp '2024-03-06 02:00' as loaded_at"
        )
        assert training_dates(warehouse, SnapshotPolicy()) == [date(2024, 3, 6)]
        assert default_snapshot_date(warehouse, TODAY) == date(2024, 3, 6)
        assert data_cutoff(warehouse) == at("2024-03-06")


def test_a_flat_source_without_labels_says_how_to_name_them() -> None:
    with World().flat("a", None).warehouse() as warehouse, pytest.raises(NotEnoughData, match="has_churned"):
        training_dates(warehouse, SnapshotPolicy())


def test_no_facts_at_all_say_so() -> None:
    with World().warehouse() as warehouse, pytest.raises(NotEnoughData, match="churn refresh"):
        data_cutoff(warehouse)


def test_where_nothing_says_who_left_the_way_to_say_it_is_named() -> None:
    with World().session("a", "2024-03-01").warehouse() as warehouse:
        with pytest.raises(NotEnoughData, match='definition = "inactivity" and activity_table = "sessions"'):
            require_told(warehouse, SnapshotPolicy())
        require_told(warehouse, SnapshotPolicy(definition="inactivity"))
        with pytest.raises(NotEnoughData, match=r"silence in `events`.*\[sources\.events\]"):
            require_told(warehouse, SnapshotPolicy(definition="inactivity", activity_table="events"))
    for world in (World().subscription("a", "2024-01-01"), World().flat("a", "2024-01-01", True)):
        with world.warehouse() as warehouse:
            require_told(warehouse, SnapshotPolicy())


def silent(world: World) -> World:
    """Let others than the subscriptions go on."""
    return world.daily_sessions("a", "2024-01-01", "2024-12-30")


@pytest.mark.parametrize(
    ("told", "until"),
    [
        ({"start": "2024-04-28"}, "2024-04-29"),
        ({"start": "2024-02-01", "canceled": "2024-04-28", "end": "2024-05-31"}, "2024-04-29"),
        ({"start": "2024-02-01", "end": "2024-05-31", "reason": "payment_failure"}, "2024-06-01"),
        ({"start": "2024-04-28", "end": "2024-10-31"}, "2024-04-29"),  # it may have been planned
        ({"start": "2024-04-28", "end": "2024-10-31", "known": "2024-11-02"}, "2024-11-01"),  # told once it had come
    ],
)
def test_no_label_is_final_beyond_the_newest_fact_of_the_subscriptions(told: dict[str, str], until: str) -> None:
    world = silent(World().subscription("a", "2023-01-01"))
    with world.subscription("b", **told).warehouse() as warehouse:
        assert final_until(warehouse, SnapshotPolicy(), at("2024-12-31")) == at(until)
        days = training_dates(warehouse, SnapshotPolicy())
    assert SnapshotPolicy().matures_at(days[-1]) <= at(until)


def test_no_label_is_final_beyond_the_last_load_of_the_subscriptions() -> None:
    world = silent(World().subscription("a", "2023-01-01").subscription("b", "2024-06-30"))
    with world.warehouse() as warehouse:
        warehouse.execute("create schema raw; create table raw.loads (source varchar, loaded_at timestamp)")
        warehouse.execute(
            "insert into raw.loads values ('subscriptions', '2024-06-30 02:00'), ('sessions', '2024-12-31')"
        )
        assert data_cutoff(warehouse) == at("2024-12-31")
        assert final_until(warehouse, SnapshotPolicy(), at("2024-12-31")) == at("2024-06-30 02:00")


def test_silence_is_told_by_the_activity_table_and_by_no_other() -> None:
    policy = SnapshotPolicy(definition="inactivity", inactivity_days=30, activity_table="payments")
    with silent(World()).payment("a", "2024-08-31").warehouse() as warehouse:
        assert final_until(warehouse, policy, at("2024-12-31")) == at("2024-09-01")
        assert training_dates(warehouse, policy)[-1] == date(2024, 7, 1)
