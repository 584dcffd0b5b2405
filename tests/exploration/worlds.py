"""Tables made up for tests of exploration: equally many rows a month, the last month without outcomes."""

from __future__ import annotations

from datetime import date

import numpy as np
import polars as pl

from churn.exploration.table import ExplorationTable, add_columns, arrange
from churn.snapshots.observations import Observations
from churn.snapshots.policy import SnapshotPolicy
from churn.warehouse import FeatureDoc

POLICY = SnapshotPolicy()
MONTHS = tuple(date(2024, m, 1) for m in range(1, 10))


def explored(
    frame: pl.DataFrame,
    churned: np.ndarray,
    dates: int = 9,
    *,
    phrases: dict[str, str] | None = None,
    order: np.ndarray | None = None,
) -> ExplorationTable:
    """Return `frame` as a table, its columns read in `order` (as they are without one)."""
    n = frame.height
    index = np.arange(n) * dates // n
    outcome = np.where((index == dates - 1) & (dates > 1), -1, churned).astype(np.int8)
    observations = Observations(
        MONTHS[:dates],
        index.astype(np.int64),
        outcome,
        np.zeros(n, dtype=bool),
        np.zeros(n, dtype=bool),
        np.full(n, 25.0),
        (np.arange(n) % 2).astype(np.int8),
        1.0,
    )
    table = arrange(observations, POLICY)
    docs = tuple(FeatureDoc(name, "attributes", "", phrase=(phrases or {}).get(name)) for name in frame.columns)
    rows = frame.with_columns(row=pl.Series(np.arange(n), dtype=pl.Int32))
    add_columns(table, [(docs, rows if order is None else rows[order])])
    return table
