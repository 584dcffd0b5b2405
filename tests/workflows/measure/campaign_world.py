"""A small company with a planned campaign whose outcome is known, and a context to measure it in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl

from churn.config import Settings
from churn.context import Context
from churn.store import open_store
from tests.documents.samples import definition, plan_record
from tests.worlds import World

DAY = date(2024, 6, 1)
NOW = datetime(2024, 7, 20)


def context(home: Path, world: World, now: datetime = NOW, **changes: Any) -> Context:
    """A context over `world`, whose store lies in `home`; each command opens the warehouse anew."""
    made = Context(
        settings=Settings(home=home),
        clock=lambda: now,
        open_warehouse=lambda _holder: world.warehouse(),
        open_store=lambda: open_store(f"sqlite:///{home / 'store.sqlite'}"),
    )
    return replace(made, **changes)


def customers(count: int) -> list[str]:
    """Names of customers; every fifth is held out, see `plan`."""
    return [f"c{number:03d}" for number in range(count)]


def company(count: int = 200, *, leaves: Callable[[int], bool], until: str = "2024-07-18") -> World:
    """Customers since January; those for whom `leaves(number)` cancel on 10 June. Facts reach to `until`."""
    world = World()
    for number, name in enumerate(customers(count)):
        gone = leaves(number)
        world.subscription(
            name,
            "2024-01-05",
            canceled="2024-06-10" if gone else None,
            end="2024-06-20" if gone else None,
            plan="premium" if number % 2 else "basic",
        )
    return world.session("c000", f"{until} 12:00").told_until(f"{until} 12:00")


def plan(
    home: Path,
    names: list[str],
    *,
    plan_id: str = "p1",
    day: date = DAY,
    share: float = 0.2,
    arms: list[str] | None = None,
    strata: list[str] | None = None,
    **changes: Any,
) -> None:
    """Assign `names` as of `day` to `arms`, or every fifth held out; everyone with the same risk."""
    record = plan_record(
        plan_id,
        definition=definition(share=share, window_days=30),
        planned_at=datetime.combine(day, datetime.min.time()) + timedelta(hours=3),
        profit_model="incentive",
    )
    rows = pl.DataFrame(
        {
            "customer_id": names,
            "arm": arms or ["holdout" if n % 5 == 0 else "treatment" for n in range(len(names))],
            "stratum": strata or ["high"] * len(names),
            "churn_probability": [0.3] * len(names),
            "risk_band": ["high"] * len(names),
            "percentile": [90.0] * len(names),
            "expected_profit": [3.0] * len(names),
            "expected_uplift": [0.1] * len(names),
            "value_of_save": [60.0] * len(names),
            "contact_cost": [2.0] * len(names),
            "incentive_cost": [5.0] * len(names),
        }
    )
    with open_store(f"sqlite:///{home / 'store.sqlite'}") as store:
        store.plans.save(replace(record, **changes), rows)
