"""Sums a run up for the overview: churn by month, customers and money at risk, usual values of each feature."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import TYPE_CHECKING

from churn.context import Context
from churn.decisions.bands import BANDS, Band
from churn.decisions.funnel import Admission
from churn.documents.churn_month import ChurnMonth
from churn.documents.score_summary import BandSummary, ScoreSummary, UsualValues
from churn.warehouse.models.build import build_model
from churn.warehouse.models.sql_models import in_order, needed_for
from churn.workflows.plan.rules import ContactRules, facts_from_words, left_out_by, read_history

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
) -> ScoreSummary:
    """Return the run summed up: by risk band, by month as far as subscriptions are known, and what is usual."""
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
    return ScoreSummary(
        run_id=scored.run_id,
        snapshot_date=day,
        model_version=version,
        data_cutoff=scored.data_cutoff,
        customers=frame.height,
        listed=listed.height,
        turnover=scored.turnover,
        base_probability=scored.base_probability,
        mean_probability=scored.mean_probability,
        monthly_revenue=float(frame["fee"].sum()),
        expected_revenue_loss=float(frame["loss"].sum()),
        listed_revenue=float(listed["fee"].sum()),
        listed_expected_loss=float(listed["loss"].sum()),
        horizon_days=context.settings.churn.horizon_days,
        bands=tuple(_band(band, of_band.get(band, nobody)) for band in BANDS),
        plans=tuple(sorted(scored.frame["plan"].drop_nulls().unique().to_list())[:200]),
        months=_months(warehouse, models),
        features=_usual(scored.features),
        listed_contactable=_contactable(context, scored.frame, day),
    )


def _contactable(context: Context, frame: pl.DataFrame, day: date) -> int | None:
    """Return how many of those listed may be contacted by the rules of [simulation]; None where nothing says so."""
    facts = facts_from_words(frame) if "contact_facts" in frame.columns else None
    if facts is None:
        return None
    rules, history = ContactRules.of_settings(context.settings), read_history(context, day)
    left_out = left_out_by(rules, context.settings, frame["customer_id"], day, facts, history)
    admitted = Admission.of(left_out, frame.height).is_admitted
    return int((admitted & frame["is_listed"].to_numpy()).sum())


def _band(band: Band, sums: Mapping[str, float]) -> BandSummary:
    return BandSummary(
        band=band,
        customers=int(sums["customers"]),
        listed=int(sums["listed"]),
        monthly_revenue=sums["monthly_revenue"],
        expected_revenue_loss=sums["expected_revenue_loss"],
    )


def _months(warehouse: Warehouse, models: dict[str, SqlModel]) -> tuple[ChurnMonth, ...]:
    if not warehouse.rows("select 1 from staging.subscription_events limit 1"):
        return ()
    # The tables of the population are built for this very date already.
    wanted = needed_for(models, [_BY_MONTH]) - needed_for(models, [_POPULATION])
    with warehouse.transaction():
        warehouse.execute("create schema if not exists marts")
        for model in in_order(models, ("snapshots", "marts")):
            if model.name in wanted:
                build_model(warehouse, model, models)
    rows = warehouse.frame(
        f"select {', '.join(ChurnMonth.model_fields)} from {_BY_MONTH} order by month desc limit {MONTHS}"
    ).to_dicts()
    return tuple(ChurnMonth(**row) for row in reversed(rows))


def _usual(features: pl.DataFrame) -> dict[str, UsualValues]:
    import polars as pl

    numbers = [name for name, kind in features.schema.items() if kind.is_numeric()]
    if features.is_empty() or not numbers:
        return {}
    sample = features.gather_every(max(1, features.height // _SAMPLED))  # a sample that is enough for usual values
    percentiles = [
        sample.select(pl.col(numbers).cast(pl.Float64).fill_nan(None).quantile(share)).row(0, named=True)
        for share in (0.05, 0.5, 0.95)
    ]
    usual = {name: [row[name] for row in percentiles] for name in numbers}
    return {
        name: UsualValues(low=values[0], middle=values[1], high=values[2])
        for name, values in usual.items()
        if None not in values
    }
