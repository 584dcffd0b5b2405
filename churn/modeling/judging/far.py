"""Labels of churn long after the window, to find features that predict the far future as well as the near one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from churn.modeling.encoding.columns import Floats

WINDOWS: Final = 2  # a snapshot's customers who leave that many windows later or more are far
_LEAST: Final = 100  # customers of either kind, before anything is said


@dataclass(frozen=True)
class FarRows:
    """Rows of customers who stayed in the window, as positions (k,), and whether they left far beyond it, 0/1 (k,)."""

    position: NDArray[np.int64]
    left: Floats
    days: int


def far_rows(frame: pl.DataFrame, history: pl.DataFrame, horizon_days: int) -> FarRows | None:
    """Return the far rows of `frame`, told from the later rows of the same customers in `history`.

    Compared are those who left two windows later or more with those who were still seen staying then and never left.
    None where there are no dates, or fewer than 100 customers on either side.
    """
    needed = {"customer_id", "snapshot_date", "has_churned"}
    if not needed <= set(frame.columns) or not needed <= set(history.columns):
        return None
    days = WINDOWS * horizon_days
    churned = pl.col("has_churned").cast(pl.Boolean)
    ends = history.group_by("customer_id").agg(
        pl.col("snapshot_date").filter(churned).max().alias("left_on"),
        pl.col("snapshot_date").max().alias("seen_on"),
    )
    rows = (
        frame.select("customer_id", "snapshot_date", churned.alias("has_churned"))
        .with_row_index("position")
        .join(ends, on="customer_id", how="left")
        .filter(~pl.col("has_churned"))
        .with_columns((pl.col("snapshot_date") + pl.duration(days=days)).alias("far_from"))
    )
    left = rows.filter(pl.col("left_on") >= pl.col("far_from"))
    stayed = rows.filter(pl.col("left_on").is_null() & (pl.col("seen_on") >= pl.col("far_from")))
    if min(part["customer_id"].n_unique() for part in (left, stayed)) < _LEAST:
        return None
    position = np.concatenate([left["position"].to_numpy(), stayed["position"].to_numpy()]).astype(np.int64)
    return FarRows(position, np.repeat([1.0, 0.0], [left.height, stayed.height]), days)
