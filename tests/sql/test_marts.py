"""What reports read: churn by month."""

from __future__ import annotations

from datetime import date

from churn.warehouse.models.build import build as build_models
from tests.worlds import World, at, build, shipped_models

MARTS = ("marts.churn_by_month", "marts.months_by_segment")


def test_churn_by_month_counts_those_a_month_began_with_and_why_they_left() -> None:
    world = (
        World()
        .subscription("stays", "2024-01-10", fee=10)
        .subscription("leaves", "2024-01-10", end="2024-02-20", fee=20)
    )
    world.subscription("fails", "2024-01-10", end="2024-03-05", reason="payment_failure", fee=30)
    world.subscription("pauses", "2024-01-10", end="2024-02-10", reason="pause", fee=40)
    world.subscription("comes and goes", "2024-02-05", end="2024-02-20").subscription(
        "comes late", "2024-03-05", fee=50
    )
    with world.warehouse() as warehouse:
        build(warehouse, "2024-02-01", cutoff=at("2024-05-01"))
        build_models(warehouse, shipped_models(), schemas=["snapshots", "marts"], names=MARTS)
        assert warehouse.rows("select * from marts.churn_by_month") == [
            (date(2024, 2, 1), 4, 1, 0, 0.25, 100.0, 20.0),
            (date(2024, 3, 1), 2, 0, 1, 0.5, 40.0, 30.0),
            (date(2024, 4, 1), 2, 0, 0, 0.0, 60.0, 0.0),
        ]


def test_whoever_has_several_products_pays_for_all_that_run() -> None:
    world = World().subscription("both", "2024-01-10", fee=10, name="b1").subscription("both", "2024-01-10", fee=50)
    world.subscription("drops one", "2024-01-10", end="2024-01-20", fee=10, name="d1")
    world.subscription("drops one", "2024-01-10", end="2024-02-20", fee=50)
    world.subscription("leaves", "2024-01-10", end="2024-02-20", fee=10, name="l1")
    world.subscription("leaves", "2024-01-12", end="2024-02-20", fee=50)
    world.subscription("moves up", "2024-01-10", end="2024-01-25", reason="plan_change", fee=20, name="m1")
    world.subscription("moves up", "2024-01-22", fee=30)
    with world.warehouse() as warehouse:
        build(warehouse, "2024-02-01", cutoff=at("2024-05-01"))
        build_models(warehouse, shipped_models(), schemas=["snapshots", "marts"], names=MARTS)
        assert warehouse.rows("select * from marts.churn_by_month") == [
            (date(2024, 2, 1), 4, 2, 0, 0.5, 60 + 50 + 60 + 30, 50 + 60),
            (date(2024, 3, 1), 2, 0, 0, 0.0, 60 + 30, 0),
            (date(2024, 4, 1), 2, 0, 0, 0.0, 60 + 30, 0),
        ]


def test_retention_counts_who_of_a_month_was_not_lost_after_each_month() -> None:
    world = World().subscription("first", "2023-12-01", end="2024-01-02", reason="voluntary")
    world.subscription("stays", "2024-01-10").subscription("leaves", "2024-01-20", end="2024-03-01")
    with world.warehouse() as warehouse:
        build(warehouse, "2024-02-01", cutoff=at("2024-04-01"))
        build_models(warehouse, shipped_models(), schemas=["marts"], names=["marts.cohort_retention"])
        assert warehouse.rows("select * from marts.cohort_retention") == [
            (date(2024, 1, 1), 0, 2, 2),
            (date(2024, 1, 1), 1, 2, 2),
            (date(2024, 1, 1), 2, 2, 1),
        ]


def test_a_term_that_ended_before_it_began_is_in_no_survival() -> None:
    world = World().subscription("a", "2024-01-05", end="2024-01-01").subscription("b", "2024-01-01", end="2024-01-11")
    with world.warehouse() as warehouse:
        build(warehouse, "2023-12-15", cutoff=at("2024-02-01"))
        build_models(warehouse, shipped_models(), schemas=["marts"], names=["marts.survival_by_age"])
        assert warehouse.rows("select min(age_days), sum(entered) from marts.survival_by_age") == [(10, 1)]


def test_survival_takes_in_those_who_joined_before_the_records_when_these_begin() -> None:
    world = World().subscription("first", "2023-12-01", end="2024-01-02", reason="voluntary", plan="gold")
    world.subscription("old", "2023-12-23", plan="gold").subscription(
        "new", "2024-01-05", end="2024-01-15", plan="gold"
    )
    with world.warehouse() as warehouse:
        build(warehouse, "2023-12-15", cutoff=at("2024-02-01"))
        build_models(warehouse, shipped_models(), schemas=["marts"], names=["marts.survival_by_age"])
        assert warehouse.rows("select age_days, entered, lost, censored from marts.survival_by_age") == [
            (0, 1, 0, 0),
            (10, 1, 1, 0),
            (32, 1, 1, 0),
            (40, 0, 0, 1),
        ]


MONTHS = (
    "select month, sum(customers), sum(voluntary_churners), sum(involuntary_churners), sum(monthly_revenue), "
    "sum(monthly_revenue_lost) from marts.months_by_segment where segment = ? group by month having sum(customers) > 0 order by month"
)


def test_every_cut_by_segment_adds_up_to_churn_by_month_to_the_cent() -> None:
    world = World().customer("stays", country="NL").customer("leaves", country="DE")
    world.subscription("stays", "2024-01-10", fee=10.1, plan="gold")
    world.subscription("leaves", "2024-01-10", end="2024-06-20", fee=20.2, plan="silver")
    world.subscription("fails", "2023-01-10", end="2024-03-05", reason="payment_failure", fee=30.3, plan="gold")
    world.subscription("pauses", "2024-01-10", end="2024-02-10", reason="pause", fee=40.4)
    world.subscription("of old", "2021-05-10", end="2023-02-10", fee=60.6)  # the first who is known to have left
    world.subscription("comes and goes", "2024-02-05", end="2024-02-20")
    world.subscription("comes late", "2024-03-05", fee=50.5)
    with world.warehouse() as warehouse:
        build(warehouse, "2024-02-01", cutoff=at("2024-08-01"))
        build_models(warehouse, shipped_models(), schemas=["snapshots", "marts"], names=MARTS)
        told = warehouse.rows(
            "select month, customers, voluntary_churners, involuntary_churners, monthly_revenue, monthly_revenue_lost "
            "from marts.churn_by_month"
        )
        assert len(told) == 18  # not from 2021 on: of that time only those who stayed are known
        for segment in ("all", "plan", "country", "tenure"):
            cut = warehouse.rows(MONTHS, [segment])
            assert [[round(v, 2) if isinstance(v, float) else v for v in row] for row in cut] == [
                [round(v, 2) if isinstance(v, float) else v for v in row] for row in told
            ], segment
        march = "from marts.months_by_segment where month = date '2024-03-01'"
        assert warehouse.rows(f"select customers, won, other {march} and segment = 'all'") == [(3, 1, 0)]
        assert warehouse.rows(f"select value, customers, won, involuntary_churners, monthly_revenue_won {march} and segment = 'plan' order by 1") == [
            ("basic", 0, 1, 0, 50.5), ("gold", 2, 0, 1, 0.0), ("silver", 1, 0, 0, 0.0),
        ]  # fmt: skip
        assert warehouse.rows(f"select value, customers, voluntary_churners, other {march.replace('-03-', '-04-')} and segment = 'tenure' order by 1") == [
            ("to 3 months", 3, 0, -2),
        ]  # fmt: skip
        assert warehouse.rows(f"select value, customers, voluntary_churners, other {march.replace('-03-', '-06-')} and segment = 'tenure' order by 1") == [
            ("4 to 12 months", 2, 1, 1), ("to 3 months", 1, 0, -1),
        ]  # fmt: skip
