"""Says of customers without contracts whether they still buy and when next, where it came true on the months before.

The model is fitted as of a window before the date, and what it expects of that window is held against what was bought; where
it is off by more than a quarter nothing is said. Then it is fitted on all that is known.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING, Final

import numpy as np

from churn.context import Context
from churn.decisions.purchases import BuyingHistory, BuyingModel, fit_buying
from churn.errors import DataError
from churn.snapshots.buying import buying_histories, has_purchases, purchases_between
from churn.snapshots.policy import SnapshotPolicy

if TYPE_CHECKING:
    import polars as pl

    from churn.warehouse.connection import Warehouse

DAYS_AHEAD: Final = 90
LOW, HIGH = 0.8, 1.25  # of expected over bought: the same bounds as for what a plan expects
_FITTED: Final = 50_000  # customers that a model is fitted on at most


def buying_ahead(context: Context, warehouse: Warehouse, ids: pl.Series, day: date) -> pl.DataFrame | None:
    """Return what is expected of the customers `ids` from `day` on; None where there are contracts, or it does not come true.

    Columns: customer_id, alive_probability, expected_purchases_90d, days_to_next_purchase.
    """
    import polars as pl

    policy = SnapshotPolicy.from_settings(context.settings)
    table = policy.activity_table
    if policy.definition != "inactivity" or not has_purchases(warehouse, table):
        return None
    window = timedelta(days=policy.window_days)
    try:
        earlier = _history(buying_histories(warehouse, table, day - window))
        expected = float(_fitted(earlier).expected(earlier, float(policy.window_days)).sum())
        bought = purchases_between(warehouse, table, day - window, day, day - window)
        if not LOW * bought <= expected <= HIGH * bought:
            context.log.note("buying_not_told", expected=round(expected), bought=bought)
            return None
        frame = buying_histories(warehouse, table, day)
        model = _fitted(_history(frame))
    except DataError as error:
        context.log.note("buying_not_told", reason=error.what)
        return None
    frame = pl.DataFrame({"customer_id": ids}).join(frame, on="customer_id", how="inner", maintain_order="left")
    history = _history(frame)
    return frame.select("customer_id").with_columns(
        pl.Series("alive_probability", model.alive(history)),
        pl.Series("expected_purchases_90d", model.expected(history, float(DAYS_AHEAD))),
        pl.Series("days_to_next_purchase", model.next_purchase(history)),
    )


def _history(frame: pl.DataFrame) -> BuyingHistory:
    return BuyingHistory(*(frame[name].to_numpy() for name in ("again", "last", "known")))


def _fitted(history: BuyingHistory) -> BuyingModel:
    if history.again.size > _FITTED:
        rows = np.random.default_rng(7).choice(history.again.size, _FITTED, replace=False)
        history = BuyingHistory(history.again[rows], history.last[rows], history.known[rows])
    return fit_buying(history)
