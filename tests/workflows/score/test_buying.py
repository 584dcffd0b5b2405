"""Of a company without contracts it is said who still buys and when next, where that came true; elsewhere nothing is."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from churn.config import Settings
from churn.context import Context
from churn.store import open_store
from churn.views.buying import NOTHING, NewestBuying
from churn.views.serving_files import BUYING, run_path
from churn.warehouse import open_warehouse
from churn.workflows.score.buying import buying_ahead
from tests.worlds import World

DAY = date(2026, 3, 1)
SHOP = {"churn": {"definition": "inactivity", "inactivity_days": 90, "activity_table": "payments"}}


def shop(customers: int = 300, *, stops: date | None = None) -> World:
    """Customers who buy at paces of their own and drop out after a purchase now and then; after `stops` nobody buys."""
    rng = np.random.default_rng(5)
    world, end = World(), datetime.combine(stops or DAY, datetime.min.time())
    for i in range(customers):
        at = datetime(2025, 1, 1) + timedelta(days=float(rng.uniform(0, 150)))
        rate, drop = rng.gamma(1.2, 1 / 30.0), rng.beta(1.0, 4.0)
        world.customer(f"C{i:04d}", at.date().isoformat())
        while at < end:
            world.payment(f"C{i:04d}", at.isoformat(sep=" ", timespec="seconds"))
            if rng.random() < drop:
                break
            at += timedelta(days=float(rng.exponential(1 / rate)))
    return world


@pytest.fixture
def told(tmp_path: Path) -> Callable[..., pl.DataFrame | None]:
    def ask(world: World, **sections: object) -> pl.DataFrame | None:
        settings = Settings.model_validate({"home": tmp_path, **sections})
        context = Context(
            settings=settings,
            clock=lambda: datetime(2026, 3, 1, 6),
            open_warehouse=lambda holder: open_warehouse(settings.warehouse_path, holder=holder),
            open_store=lambda: open_store(settings.database_url),
        )
        with context.open_warehouse("tests") as warehouse:
            world.into(warehouse)
            return buying_ahead(context, warehouse, pl.Series([f"C{i:04d}" for i in range(299, -1, -1)]), DAY)

    return ask


def test_whoever_was_silent_for_longer_than_their_pace_is_less_likely_to_buy_again(told, tmp_path):
    frame = told(shop(), **SHOP)
    assert frame is not None
    assert frame.height == 300
    assert frame["alive_probability"].is_between(0, 1).all()
    path = run_path(tmp_path, "r1") / BUYING
    path.parent.mkdir(parents=True)
    frame.write_parquet(path)
    buying = NewestBuying(tmp_path)
    row = frame.filter(customer_id="C0007").row(0, named=True)
    assert buying.of("r1", "C0007") == {
        "alive_probability": round(row["alive_probability"], 4),
        "expected_purchases_90d": round(row["expected_purchases_90d"], 3),
        "days_to_next_purchase": round(row["days_to_next_purchase"], 1),
    }
    assert buying.of("r1", "nobody") == NOTHING
    assert buying.of("r2", "C0007") == NOTHING


def test_nothing_is_said_with_contracts_nor_where_it_did_not_come_true(told):
    assert told(shop()) is None
    assert told(shop(stops=date(2025, 11, 20)), **SHOP) is None  # nobody has bought for a window
