"""Reads, from the snapshots built last, what monitors compare: customers of a date with their scores, and their final labels.

The features of a date are read a slice of its customers at a time: all of them would take most of a driver's memory.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from churn.context import Context
from churn.monitoring.day_counts import DayCounts
from churn.snapshots.dataset import TrainingSet, scoring_set, scoring_slices
from churn.snapshots.treatments import mark_assigned
from churn.warehouse.models.sql_models import load_models

if TYPE_CHECKING:
    import numpy as np
    import polars as pl
    from numpy.typing import NDArray

    from churn.modeling import ServedModel
    from churn.monitoring.reference import Reference
    from churn.snapshots.policy import SnapshotPolicy
    from churn.warehouse.connection import Warehouse


_LEAST_OTHERS = 500  # untreated customers that a cohort must keep, or the treated stay in


def rows_of(warehouse: Warehouse, context: Context, model: ServedModel, day: date) -> pl.DataFrame:
    """Return the customers of a date built last, one row each: keys, margin, plan and the model's features."""
    models = load_models(context.settings.home)
    return scoring_set(warehouse, models, model.policy, day, wanted=model.feature_names).frame


@dataclass(frozen=True)
class ScoredDay:
    """The customers of a date in order: customer_id, monthly_margin and churn_probability; and of some the features.

    `counts` say how all of them fall into the bins of a reference, None without one.
    """

    customers: pl.DataFrame
    sample: pl.DataFrame
    counts: DayCounts | None

    @property
    def probabilities(self) -> NDArray[np.float64]:
        """What the model says of each."""
        return self.customers["churn_probability"].to_numpy()


def scored_day(
    warehouse: Warehouse,
    context: Context,
    model: ServedModel,
    day: date,
    *,
    reference: Reference | None = None,
    sampled: int = 0,
) -> ScoredDay:
    """Score the customers of a date built last, count them by the bins of `reference`, keep the features of at least `sampled`, evenly spread."""
    import polars as pl

    models = load_models(context.settings.home)
    (known,) = warehouse.rows("select count(*) from snapshots.spine where snapshot_date = ?", [day])[0]
    step = max(1, known // sampled) if sampled else 0
    parts, samples, before = [], [], 0
    counts = None if reference is None else DayCounts.none(reference)
    for rows in scoring_slices(warehouse, models, day, wanted=model.feature_names):
        scored = pl.Series("churn_probability", model.predict(rows).churn_probability, dtype=pl.Float64)
        parts.append(rows.select("customer_id", "monthly_margin", scored))
        if step:
            samples.append(rows[(-before) % step :: step])
        if reference is not None and counts is not None:
            counts += DayCounts.of(reference, rows)
        before += rows.height
    nobody = pl.DataFrame(
        schema={"customer_id": pl.String, "monthly_margin": pl.Float64, "churn_probability": pl.Float64}
    )
    customers = pl.concat(parts, rechunk=True) if parts else nobody
    return ScoredDay(customers, pl.concat(samples) if samples else pl.DataFrame(), counts)


def outcomes_of(context: Context, warehouse: Warehouse, policy: SnapshotPolicy, days: Sequence[date]) -> pl.DataFrame:
    """Return customer_id, snapshot_date, has_churned, is_treated of the final labels of `days` as built last.

    Treated as training has it: whom the sources say was contacted, and whom our own campaigns assigned to contact.
    """
    import polars as pl

    empty = pl.DataFrame(
        schema={"customer_id": pl.String, "snapshot_date": pl.Date, "has_churned": pl.Boolean, "is_treated": pl.Boolean}
    )
    if not days or not warehouse.has_table("snapshots.labels"):
        return empty
    frame = warehouse.frame(
        "select l.customer_id, l.snapshot_date, l.has_churned, coalesce(t.is_treated, false) as is_treated "
        "from snapshots.labels as l left join snapshots.treatments as t "
        "on l.customer_id = t.customer_id and l.snapshot_date = t.snapshot_date where l.has_churned is not null"
    ).filter(pl.col("snapshot_date").is_in(list(days)))
    with context.open_store() as store:
        assigned = store.assignments.customers(arm="treatment")
    return mark_assigned(TrainingSet(frame, (), policy, ""), assigned).frame


def untreated(rows: pl.DataFrame) -> tuple[pl.DataFrame, int]:
    """Return the rows that no campaign touched and how many were left out; all of them where too few would remain."""
    import polars as pl

    others = rows.filter(~pl.col("is_treated"))
    return (others, rows.height - others.height) if others.height >= _LEAST_OTHERS else (rows, 0)
