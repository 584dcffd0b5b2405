"""Keeps training within a number of rows: every churner, stayers sampled evenly over snapshots, weights corrected."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from churn.modeling.columns import Floats

_CHURNER_SHARE = 0.8  # beyond this share of the cap churners are sampled too, or there would be no stayers


def sample_rows(y: Floats, snapshot: NDArray[Any], *, max_rows: int, seed: int) -> tuple[NDArray[np.int64], Floats]:
    """Return the rows to train on, in order, and the weight of each, so that weighted shares are those of all rows.

    `y` (n,) outcomes 0/1, `snapshot` (n,) which snapshot each row belongs to.
    """
    if y.size <= max_rows:
        return np.arange(y.size), np.ones(y.size)
    rng = np.random.default_rng(seed)
    churners = int(y.sum())
    kept_churners = min(churners, int(_CHURNER_SHARE * max_rows))
    index, weight = [], []
    for is_churner, share in (
        (True, kept_churners / max(churners, 1)),
        (False, (max_rows - kept_churners) / max(y.size - churners, 1)),
    ):
        for group in np.unique(snapshot):
            rows = np.flatnonzero((snapshot == group) & ((y > 0) == is_churner))
            count = min(rows.size, max(1, round(share * rows.size))) if rows.size else 0
            if count:
                index.append(rng.choice(rows, size=count, replace=False))
                weight.append(np.full(count, rows.size / count))
    chosen, weights = np.concatenate(index), np.concatenate(weight)
    order = np.argsort(chosen)
    return chosen[order].astype(np.int64), weights[order]
