"""Says before training whether there is enough to learn from, and what is missing when there is not."""

from __future__ import annotations

import numpy as np

from churn.errors import NotEnoughData
from churn.modeling.columns import Floats


def require_enough(y: Floats, *, min_churners: int, min_stayers: int) -> None:
    """Raise NotEnoughData unless rows with outcome `y` (n,) hold that many churners and stayers."""
    churners = int(y.sum())
    stayers = int(y.size) - churners
    if y.size == 0:
        raise NotEnoughData(
            "no labelled customer is left to learn from",
            where="training",
            remedy="Labels need a full window after a snapshot: load more history, or shorten [churn] horizon_days.",
        )
    missing = []
    if churners < min_churners:
        missing.append(f"{min_churners - churners:,} more churners")
    if stayers < min_stayers:
        missing.append(f"{min_stayers - stayers:,} more stayers")
    if missing:
        raise NotEnoughData(
            f"{churners:,} churners and {stayers:,} stayers are too few: {' and '.join(missing)} are needed",
            where="training",
            remedy="Load more history, raise training.snapshots, widen [churn] horizon_days, "
            "or lower training.min_churners and training.min_stayers knowing that intervals widen.",
        )


def require_both_outcomes(slices: dict[str, Floats]) -> None:
    """Raise NotEnoughData where a slice of the split, by name, lacks churners or stayers."""
    for name, y in slices.items():
        if y.size == 0 or np.ptp(y) == 0:
            lacking = "rows" if y.size == 0 else "stayers" if y[0] > 0 else "churners"
            raise NotEnoughData(
                f"the {name} slice holds no {lacking} ({y.size:,} rows)",
                where="split",
                remedy="Load more history, raise training.snapshots, or train with `--split random`.",
            )
