"""What reports read: churn by month."""

from __future__ import annotations

from datetime import date

from churn.warehouse.build import build as build_models
from tests.worlds import World, at, build, shipped_models


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
        build_models(warehouse, shipped_models(), schemas=["marts"])
        assert warehouse.rows("select * from marts.churn_by_month") == [
            (date(2024, 2, 1), 4, 1, 0, 0.25, 100.0, 20.0),
            (date(2024, 3, 1), 2, 0, 1, 0.5, 40.0, 30.0),
            (date(2024, 4, 1), 2, 0, 0, 0.0, 60.0, 0.0),
        ]
