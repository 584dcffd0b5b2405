"""Predicts for the customers of a date what contact would do, and names those better left alone."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from churn.context import Context

if TYPE_CHECKING:
    import polars as pl

    from churn.warehouse.connection import Warehouse
    from churn.workflows.uplift_bundles import LoadedUplift


def uplift_list(
    context: Context, warehouse: Warehouse, uplift: LoadedUplift, *, day: date | None = None
) -> tuple[pl.DataFrame, date]:
    """Return customer_id, uplift, do_not_contact (a reason, or null) of `day`, by default the newest; and that day.

    Sorted by customer. Features are built as of the day, as scoring does. Raises DataError for a date without data.
    """
    import polars as pl

    from churn.snapshots.dataset import build_snapshots, data_cutoff, default_snapshot_date, scoring_set
    from churn.snapshots.policy import SnapshotPolicy
    from churn.warehouse.models.sql_models import load_models

    models, policy = load_models(context.settings.home), SnapshotPolicy.from_settings(context.settings)
    chosen = day or default_snapshot_date(warehouse, context.today)
    build_snapshots(warehouse, models, policy, [chosen], data_cutoff=data_cutoff(warehouse), progress=context.progress)
    data = scoring_set(warehouse, models, policy, chosen, wanted=uplift.feature_names)
    found = data.frame.select("customer_id").with_columns(
        pl.Series("uplift", uplift.predict(data.frame)),
        uplift.do_not_contact(data.frame).alias("do_not_contact"),
    )
    return found.sort("customer_id"), chosen
