"""Sums a run up for the overview: churn by month, who is at risk and for how much, what is usual for each feature."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

from churn.context import Context
from churn.decisions.bands import BANDS
from churn.warehouse.models.build import build_model
from churn.warehouse.models.sql_models import in_order, needed_for

if TYPE_CHECKING:
    import polars as pl

    from churn.warehouse import SqlModel
    from churn.warehouse.connection import Warehouse
    from churn.workflows.score.frame import ScoredFrame


MONTHS = 18
_SAMPLED = 5_000
_BY_MONTH = "marts.churn_by_month"
_POPULATION = "snapshots.spine"


def serving_summary(
    context: Context,
    warehouse: Warehouse,
    models: dict[str, SqlModel],
    scored: ScoredFrame,
    version: str,
    day: date,
) -> dict[str, Any]:
    """Return a JSON-able summary of the run.

    `bands`, lowest first: customers, listed, monthly_revenue, and expected_revenue_loss (the sum of probability times
    monthly fee). `months`: the last whole months, oldest first: customers as each began, voluntary and involuntary
    churners, churn_rate, monthly_revenue and what of it was lost; empty where nothing is known of subscriptions.
    `features`: by name the 5th, 50th and 95th percentile of each numeric feature.
    """
    import polars as pl

    frame = scored.frame.select("customer_id", "churn_probability", "risk_band", "is_listed").with_columns(
        scored.features["monthly_fee"].fill_null(0.0).alias("fee")
    )
    frame = frame.with_columns((pl.col("churn_probability") * pl.col("fee")).alias("loss"))
    grouped = frame.group_by("risk_band").agg(
        pl.len().alias("customers"),
        pl.col("is_listed").sum().alias("listed"),
        pl.col("fee").sum().alias("monthly_revenue"),
        pl.col("loss").sum().alias("expected_revenue_loss"),
    )
    of_band = {row["risk_band"]: row for row in grouped.to_dicts()}
    nobody = {"customers": 0, "listed": 0, "monthly_revenue": 0.0, "expected_revenue_loss": 0.0}
    listed = frame.filter(pl.col("is_listed"))
    return {
        "run_id": scored.run_id,
        "snapshot_date": day.isoformat(),
        "model_version": version,
        "data_cutoff": scored.data_cutoff.isoformat(),
        "customers": frame.height,
        "listed": listed.height,
        "turnover": scored.turnover,
        "base_probability": scored.base_probability,
        "mean_probability": scored.mean_probability,
        "monthly_revenue": float(frame["fee"].sum()),
        "expected_revenue_loss": float(frame["loss"].sum()),
        "listed_revenue": float(listed["fee"].sum()),
        "listed_expected_loss": float(listed["loss"].sum()),
        "horizon_days": context.settings.churn.horizon_days,
        "bands": [{"band": name, **{k: of_band.get(name, nobody)[k] for k in nobody}} for name in BANDS],
        "plans": sorted(scored.frame["plan"].drop_nulls().unique().to_list())[:200],
        "months": _months(warehouse, models),
        "features": _usual(scored.features),
    }


def _months(warehouse: Warehouse, models: dict[str, SqlModel]) -> list[dict[str, Any]]:
    if not warehouse.rows("select 1 from staging.subscription_events limit 1"):
        return []
    # What the population was found by stands already, built for this very date.
    wanted = needed_for(models, [_BY_MONTH]) - needed_for(models, [_POPULATION])
    with warehouse.transaction():
        warehouse.execute("create schema if not exists marts")
        for model in in_order(models, ("snapshots", "marts")):
            if model.name in wanted:
                build_model(warehouse, model, models)
    rows = warehouse.frame(f"select * from {_BY_MONTH} order by month desc limit {MONTHS}").to_dicts()
    return [{**row, "month": row["month"].isoformat()} for row in reversed(rows)]


def _usual(features: pl.DataFrame) -> dict[str, dict[str, float]]:
    import polars as pl

    numbers = [name for name, kind in features.schema.items() if kind.is_numeric()]
    if features.is_empty() or not numbers:
        return {}
    points = {"low": 0.05, "middle": 0.5, "high": 0.95}
    sample = features.gather_every(max(1, features.height // _SAMPLED))  # enough to say what is usual
    found = {
        key: sample.select(pl.col(numbers).cast(pl.Float64).fill_nan(None).quantile(q)).row(0, named=True)
        for key, q in points.items()
    }
    return {
        name: {key: found[key][name] for key in points}
        for name in numbers
        if all(found[key][name] is not None for key in points)
    }
