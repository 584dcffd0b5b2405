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
    without those rows too many would seem to leave. It sets is_contacted_later, where the frame has that, for people to know: these
    labels show a little less churn, for what contact saved.
    `assigned`: customer_id and snapshot_date of those in a treatment arm, and of nobody held out: a holdout's labels
    show churn without contact. Counted as assigned, for a delivery that the sources do not tell of contaminates a label
    all the same. The fingerprint changes where a flag does.
    """
    import polars as pl

    days = data.frame["snapshot_date"].unique().to_list() if "snapshot_date" in data.frame.columns else []
    if not days or assigned.is_empty():
        return data
    windows = {day: data.policy.label_window(day) for day in days}
    dates = pl.DataFrame(
        {
            "snapshot_date": pl.Series(days, dtype=pl.Date),
            "opens_on": pl.Series([max(windows[day][0].date(), day + timedelta(1)) for day in days], dtype=pl.Date),
            "ends_at": pl.Series([windows[day][1] for day in days], dtype=pl.Datetime("us")),
        }
    )
    contacts = assigned.select("customer_id", assigned_date=pl.col("snapshot_date")).unique()
    keys = ["customer_id", "snapshot_date"]
    marked = (
        data.frame.select(keys)
        .join(dates, on="snapshot_date")
        .join(contacts, on="customer_id")
        .filter(
            pl.col("assigned_date") + pl.duration(days=data.policy.horizon_days) > pl.col("snapshot_date"),
            pl.col("assigned_date").cast(pl.Datetime("us")) < pl.col("ends_at"),
        )
        .group_by(keys)
        .agg(_before=(pl.col("assigned_date") < pl.col("opens_on")).any())
    )
    has_later = "is_contacted_later" in data.frame.columns
    both = data.frame.select(*keys, "is_treated", *(["is_contacted_later"] if has_later else []))
    both = both.join(marked, on=keys, how="left", maintain_order="left")
    is_treated = pl.col("is_treated") | pl.col("_before").fill_null(value=False)
    flags = both.select(is_treated)["is_treated"]
    frame = data.frame.with_columns(flags)
    if has_later:
        is_later = (pl.col("is_contacted_later") | pl.col("_before").is_not_null()) & ~is_treated
        frame = frame.with_columns(both.select(is_contacted_later=is_later)["is_contacted_later"])
    before, after = int(data.frame["is_treated"].sum()), int(flags.sum())
    if after == before:
        return replace(data, frame=frame) if has_later else data
    fingerprint = hashlib.sha256(data.fingerprint.encode() + flags.to_numpy().tobytes()).hexdigest()
    return replace(data, frame=frame, fingerprint=fingerprint, counts={**data.counts, "treated": after})
