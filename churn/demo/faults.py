"""Every data fault the quality checks look for, planted in the `dirty` world's deliveries."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta

import numpy as np
import polars as pl

from churn.demo.timeline import Timeline

_INSTANT = {
    "customers": "signed_up_at",
    "subscriptions": "started_at",
    "payments": "attempted_at",
    "sessions": "started_at",
    "support_tickets": "opened_at",
    "contacts": "contacted_at",
}
STALE_DAYS = 45  # support tickets stop that long before the cutoff
KEPT_SHARE = 0.4  # of the last month's sessions: a row-count drop


def spoil(
    table: str,
    frame: pl.DataFrame,
    calendar: Timeline,
    random: np.random.Generator,
    ending: str,
    month: int | None = None,
) -> pl.DataFrame:
    """Return `frame` with the faults of its table; text that is no date appears in CSV only."""
    cutoff = datetime.combine(calendar.cutoff_date, time())
    instant = _INSTANT[table]
    if table == "support_tickets":
        frame = frame.filter(pl.col(instant) < cutoff - timedelta(days=STALE_DAYS))
    if table == "sessions" and month == calendar.months - 1:
        frame = frame.filter(pl.Series(random.random(len(frame)) < KEPT_SHARE))
    frame = (
        _plant(frame, random, 0.002, pl.lit("C9999999"), "customer_id") if table != "customers" else frame
    )  # orphans
    frame = _plant(frame, random, 0.002, pl.lit(None), "customer_id")
    frame = _plant(frame, random, 0.001, pl.lit(cutoff + timedelta(days=400)), instant)
    if table == "payments":
        frame = _plant(frame, random, 0.002, -pl.col("amount"), "amount")
        frame = _plant(frame, random, 0.002, pl.lit(None), "status")
    elif table == "sessions":
        frame = _plant(frame, random, 0.001, pl.lit(-30.0), "duration_minutes")
        frame = _plant(frame, random, 0.001, pl.lit(90_000.0), "duration_minutes")
    elif table == "customers":
        frame = _plant(frame, random, 0.004, pl.lit(date(1850, 1, 1)), "birth_date")
        frame = _plant(frame, random, 0.05, pl.lit(None), "city")
    elif table == "subscriptions":
        frame = _plant(frame, random, 0.01, pl.col("monthly_fee") * 3, "monthly_fee")
        frame = _plant(frame, random, 0.01, pl.lit(None), "plan")
    copies = np.flatnonzero(random.random(len(frame)) < 0.12).astype(np.uint32)
    frame = pl.concat([frame, frame[copies]])
    if ending == "csv":
        text = frame.with_columns(pl.col(instant).dt.strftime("%Y-%m-%d %H:%M:%S"))
        frame = _plant(text, random, 0.002, pl.lit("31/02/2026 25:61"), instant)
    return frame


def _plant(frame: pl.DataFrame, random: np.random.Generator, share: float, value: pl.Expr, column: str) -> pl.DataFrame:
    hit = pl.Series(random.random(len(frame)) < share)
    kind = frame.schema[column]
    return frame.with_columns(pl.when(hit).then(value.cast(kind)).otherwise(pl.col(column)).alias(column))
