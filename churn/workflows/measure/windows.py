"""Takes the probabilities of assigned customers to the length of the window in which each of them is judged."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from churn.decisions.stretch import stretched

if TYPE_CHECKING:
    import polars as pl

    from churn.store import PlanRecord


def in_their_windows(frame: pl.DataFrame, plans: Sequence[PlanRecord]) -> pl.DataFrame:
    """Return `frame` with probabilities of leaving within the window of each customer's plan.

    `frame`: plan_id, churn_probability, and of voluntary_part, involuntary_part and involuntary_probability those that it has,
    which keep their share of it. A plan whose window is that of the probabilities changes nothing.
    """
    import polars as pl

    parts = ("voluntary_part", "involuntary_part", "involuntary_probability")
    for plan in plans:
        horizon = plan.inputs.horizon_days
        if horizon is None:
            continue
        is_of_plan = (frame["plan_id"] == plan.plan_id).to_numpy()
        p = frame["churn_probability"].to_numpy()
        within = np.where(is_of_plan, stretched(p, plan.window_days, horizon), p)
        factor = pl.Series(np.divide(within, p, out=np.ones(p.size), where=p > 0.0))
        frame = frame.with_columns(
            pl.Series("churn_probability", within),
            *((pl.col(name) * factor).alias(name) for name in parts if name in frame.columns),
        )
    return frame
