"""What became of customers after a date, over a window of any length, in temporary tables that change no other."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING

from churn.progress import SILENT, Progress
from churn.snapshots.dataset import write_policy
from churn.snapshots.policy import SnapshotPolicy
from churn.warehouse import SqlModel, Warehouse
from churn.warehouse.models.build import build

if TYPE_CHECKING:
    import polars as pl


_NEEDED = ("snapshots.labels", "snapshots.customer_value")


class _TakeBack(Exception):
    """Ends the transaction that holds the tables built aside."""


def fates(
    warehouse: Warehouse,
    models: Mapping[str, SqlModel],
    policy: SnapshotPolicy,
    customers: pl.DataFrame,
    *,
    data_cutoff: datetime,
    progress: Progress = SILENT,
) -> pl.DataFrame:
    """Return what became of each of `customers` (customer_id, snapshot_date) in the label window of `policy`.

    Columns: customer_id, snapshot_date, is_known (the customer was active at the date, as the data tell it now),
    is_mature, has_churned (null where it cannot be said), churned_at, churn_kind, plan; sorted, one row per row given.
    The tables of `snapshots` are built in a transaction that is rolled back: training and scoring find theirs as they
    were. Raises ConfigError for SQL that does not run.
    """
    import polars as pl

    pairs = customers.select("customer_id", "snapshot_date").unique()
    frames: list[pl.DataFrame] = []
    try:
        with warehouse.transaction():
            write_policy(warehouse, policy, pairs["snapshot_date"].unique().to_list(), data_cutoff)
            warehouse.write("snapshots.asked", pairs)
            build(warehouse, models, schemas=["snapshots"], names=_NEEDED, progress=progress)
            frames.append(warehouse.frame(_SELECT))
            raise _TakeBack
    except _TakeBack:
        frame = frames[0]
    # Driver types differ in their precision between versions.
    return frame.with_columns(pl.col("churned_at").cast(pl.Datetime("us")))


_SELECT = """
select
    a.customer_id,
    a.snapshot_date,
    l.customer_id is not null as is_known,
    coalesce(l.is_mature, d.matures_at <= p.told_until_at) as is_mature,
    l.has_churned,
    l.churned_at,
    l.churn_kind,
    v.plan
from snapshots.asked as a
cross join snapshots.policy as p
inner join snapshots.dates as d on a.snapshot_date = d.snapshot_date
left join snapshots.labels as l on a.customer_id = l.customer_id and a.snapshot_date = l.snapshot_date
left join snapshots.customer_value as v on a.customer_id = v.customer_id and a.snapshot_date = v.snapshot_date
order by a.snapshot_date, a.customer_id
"""
