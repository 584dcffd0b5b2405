"""Reads, from the snapshots built last, the rows that monitors compare: customers of a date, and their final labels."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING

from churn.context import Context
from churn.snapshots.dataset import TrainingSet, scoring_set
from churn.snapshots.treatments import mark_assigned
from churn.warehouse.models.sql_models import load_models

if TYPE_CHECKING:
    import polars as pl

    from churn.modeling import ServedModel
    from churn.snapshots.policy import SnapshotPolicy
    from churn.warehouse.connection import Warehouse


_LEAST_OTHERS = 500  # untreated customers that a cohort must keep, or the treated stay in


def rows_of(warehouse: Warehouse, context: Context, model: ServedModel, day: date) -> pl.DataFrame:
    """Return the customers of a date built last, one row each: keys, margin, plan and the model's features."""
    models = load_models(context.settings.home)
    return scoring_set(warehouse, models, model.policy, day, wanted=model.feature_names).frame


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
        "select l.customer_id, l.snapshot_date, l.has_churned, t.customer_id is not null as is_treated "
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
