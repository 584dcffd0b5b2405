"""Reads the snapshots built last for exploration: what became of each row, then its features, one group at a time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import TYPE_CHECKING

from churn.snapshots.columns import FeatureColumn, feature_columns, quoted
from churn.snapshots.dataset import TrainingSet, share_built
from churn.snapshots.policy import SnapshotPolicy
from churn.snapshots.treatments import mark_assigned
from churn.warehouse import FeatureDoc, SqlModel, Warehouse

if TYPE_CHECKING:
    import numpy as np
    import polars as pl
    from numpy.typing import NDArray

_ROWS = "explored_rows"


@dataclass(frozen=True)
class Observations:
    """One row per customer and date, arrays of shape (rows,).

    `date_index` points into `dates`; `churned` is 1, 0, or -1 where it is not known (yet); `is_involuntary` marks losses
    to a failed payment; `half` splits customers in two by a hash. `sampled` is the share of customers built of earlier
    dates; the newest date is whole.
    """

    dates: tuple[date, ...]
    date_index: NDArray[np.int64]
    churned: NDArray[np.int8]
    is_involuntary: NDArray[np.bool_]
    is_treated: NDArray[np.bool_]
    fee: NDArray[np.float64]
    half: NDArray[np.int8]
    sampled: float

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return int(self.date_index.size)


def read_observations(warehouse: Warehouse, policy: SnapshotPolicy, *, assigned: pl.DataFrame) -> Observations:
    """Return the rows of the snapshots built last; `assigned` as in treatments.mark_assigned. Keeps them for `groups`."""
    import numpy as np
    import polars as pl

    has_labels = warehouse.has_table("snapshots.labels")
    labels = (
        "left join snapshots.labels as l on s.customer_id = l.customer_id and s.snapshot_date = l.snapshot_date "
        "left join snapshots.treatments as t on s.customer_id = t.customer_id and s.snapshot_date = t.snapshot_date"
    )
    outcome_columns = (
        "coalesce(cast(l.has_churned as tinyint), -1) as churned, "
        "coalesce(l.has_churned and l.churn_kind = 'involuntary', false) as is_involuntary, "
        "coalesce(t.is_treated, false) as is_treated"
    )
    warehouse.execute(
        f"create or replace temp table {_ROWS} as "
        # Order rows so that those counted together are adjacent, which makes later passes faster.
        "select cast(row_number() over (order by snapshot_date, churned, is_treated, hash(customer_id)) - 1 as integer) "
        "as row, * from (select s.customer_id, s.snapshot_date, cast(v.monthly_fee as double) as fee, "
        "cast(hash(s.customer_id) % 2 as tinyint) as half, "
        + (
            outcome_columns
            if has_labels
            else "cast(-1 as tinyint) as churned, false as is_involuntary, false as is_treated"
        )
        + " from snapshots.spine as s inner join snapshots.customer_value as v "
        "on s.customer_id = v.customer_id and s.snapshot_date = v.snapshot_date "
        + (labels if has_labels else "")
        + ") order by row"
    )
    frame = warehouse.frame(f"select * exclude (customer_id) from {_ROWS} order by row")
    days = sorted(frame["snapshot_date"].unique().to_list())
    place = np.searchsorted(
        np.array(days, dtype="datetime64[D]"), frame["snapshot_date"].to_numpy().astype("datetime64[D]")
    )
    is_treated = frame["is_treated"].to_numpy()
    if not assigned.is_empty() and frame.height:
        keys = warehouse.frame(f"select customer_id, snapshot_date, is_treated from {_ROWS} order by row")
        marked = mark_assigned(TrainingSet(keys, (), policy, ""), assigned)
        is_treated = marked.frame["is_treated"].to_numpy()
    return Observations(
        dates=tuple(days),
        date_index=place.astype(np.int64),
        churned=frame["churned"].to_numpy(),
        is_involuntary=frame["is_involuntary"].to_numpy(),
        is_treated=is_treated,
        fee=frame["fee"].cast(pl.Float64).fill_null(0.0).to_numpy(),
        half=frame["half"].to_numpy(),
        sampled=share_built(warehouse),
    )


def groups(
    warehouse: Warehouse, models: Mapping[str, SqlModel]
) -> Iterator[tuple[tuple[FeatureDoc, ...], pl.DataFrame]]:
    """Yield, by feature group, its columns' documentation and a frame of `row` and these columns, in any order.

    The columns are read as conditions of a campaign's audience read them, so that what is found here can be asked there.
    """
    for name in sorted(name for name in models if name.startswith("features.")):
        if not warehouse.has_table(name):
            continue
        columns = feature_columns(warehouse, [models[name].table], models)
        if columns:
            yield tuple(column.doc for column in columns), warehouse.frame(_select(columns, models[name].table))


def with_words(doc: FeatureDoc) -> FeatureDoc:
    """Return `doc` with a phrase in any case: `name is {}` where the SQL file gives none."""
    return doc if doc.phrase and "{}" in doc.phrase else replace(doc, phrase=f"{doc.name} is {{}}")


def _select(columns: list[FeatureColumn], group: str) -> str:
    listed = "".join(f", {column.expression} as {quoted(column.doc.name)}" for column in columns)
    return (
        f"select s.row{listed} from {_ROWS} as s inner join features.{quoted(group)} as {quoted(group)} "
        f"on s.customer_id = {quoted(group)}.customer_id and s.snapshot_date = {quoted(group)}.snapshot_date"
    )
