"""Flags training rows of customers whom our own campaigns assigned to contact, beside those the sources tell of."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from churn.snapshots.dataset import TrainingSet

if TYPE_CHECKING:
    import polars as pl


def mark_assigned(data: TrainingSet, assigned: pl.DataFrame) -> TrainingSet:
    """Return `data` with is_treated set where a customer was assigned to contact before the row's label window opened.

    An assignment counts for as long as the horizon: a plan's contacts are made in the weeks after it, so of snapshots taken
    every week the later ones are touched too. One within the window does not: only who is still there is assigned, so that
    without those rows too many would seem to leave. Their labels show a little less churn instead, for what contact saved.
    `assigned`: customer_id and snapshot_date of those in a treatment arm, and of nobody held out: a holdout's labels
    show churn without contact. Counted as assigned, for a delivery that the sources do not tell of contaminates a label
    all the same. The fingerprint changes where a flag does.
    """
    import polars as pl

    days = data.frame["snapshot_date"].unique().to_list() if "snapshot_date" in data.frame.columns else []
    if not days or assigned.is_empty():
        return data
    opens = {day: max(data.policy.label_window(day)[0].date(), day + timedelta(1)) for day in days}
    dates = pl.DataFrame(
        {
            "snapshot_date": pl.Series(days, dtype=pl.Date),
            "opens_on": pl.Series(list(opens.values()), dtype=pl.Date),
        }
    )
    contacts = assigned.select("customer_id", assigned_date=pl.col("snapshot_date")).unique()
    marked = (
        data.frame.select("customer_id", "snapshot_date")
        .join(dates, on="snapshot_date")
        .join(contacts, on="customer_id")
        .filter(
            pl.col("assigned_date") + pl.duration(days=data.policy.horizon_days) > pl.col("snapshot_date"),
            pl.col("assigned_date") < pl.col("opens_on"),
        )
        .select("customer_id", "snapshot_date")
        .unique()
        .with_columns(_assigned=pl.lit(value=True))
    )
    flags = (
        data.frame.select("customer_id", "snapshot_date", "is_treated")
        .join(marked, on=["customer_id", "snapshot_date"], how="left", maintain_order="left")
        .select(pl.col("is_treated") | pl.col("_assigned").fill_null(value=False))
        .to_series()
    )
    before, after = int(data.frame["is_treated"].sum()), int(flags.sum())
    if after == before:
        return data
    fingerprint = hashlib.sha256(data.fingerprint.encode() + flags.to_numpy().tobytes()).hexdigest()
    frame = data.frame.with_columns(flags)
    return replace(data, frame=frame, fingerprint=fingerprint, counts={**data.counts, "treated": after})
