"""The scores that a plan rests on, of the current run or of an older date, and whether they can be turned into money."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from churn.campaigns.economics import economics_from
from churn.config.formulas import TermName
from churn.context import Context
from churn.errors import DataError, QualityBlocked
from churn.snapshots.conditions import build_day
from churn.snapshots.customer_terms import features_of, terms_of_settings
from churn.snapshots.dataset import feature_frame
from churn.views.judgement import Judgement, judge_model
from churn.warehouse.models.sql_models import load_models

if TYPE_CHECKING:
    import polars as pl

    from churn.warehouse.connection import Warehouse


COLUMNS = [
    "customer_id",
    "churn_probability",
    "risk_band",
    "percentile",
    "value_of_save",
    "involuntary_probability",
]


@dataclass(frozen=True)
class ScoreList:
    """One run's scores: the columns of `COLUMNS`, sorted by customer; `newest_date` is that of the current run."""

    run_id: str | None
    snapshot_date: date
    model_version: str
    scored_at: datetime | None
    data_cutoff: datetime | None
    stale_reason: str | None
    frame: pl.DataFrame
    judgement: Judgement
    newest_date: date


def read_scores(
    context: Context,
    warehouse: Warehouse,
    day: date | None,
    *,
    allow_stale: bool = False,
    allow_uncalibrated: bool = False,
) -> ScoreList:
    """Return the current scores, or those of `day` from the warehouse's history.

    Raises DataError when there are none, QualityBlocked for a stale list, NotCalibrated when the probabilities fail
    the gate, each unless allowed.
    """
    with context.open_store() as store:
        page = store.scores.page(limit=None, columns=COLUMNS)
    run = page.run
    if run is None:
        raise DataError("no scores have been published yet", where="scores", remedy="Run `churn score` first.")
    if day is not None and day != run.snapshot_date:
        frame, run_id, version, scored_at, cutoff, stale = _from_history(context, warehouse, day)
    else:
        frame, run_id, version, scored_at, cutoff = (
            page.frame,
            run.run_id,
            run.model_version,
            run.scored_at,
            run.data_cutoff,
        )
        stale = (run.stale_reason or "not said why") if run.is_stale else None
    if stale and not allow_stale:
        raise QualityBlocked(
            f"the scores are stale: {stale}",
            where=f"list of {run.snapshot_date}",
            remedy="Mend the source, run `churn refresh` and `churn score`, or plan on it knowingly with --allow-stale.",
        )
    judgement = judge_model(context, version)
    judgement.require(allow_uncalibrated=allow_uncalibrated)
    return ScoreList(
        run_id,
        day or run.snapshot_date,
        version,
        scored_at,
        cutoff,
        stale,
        frame.sort("customer_id"),
        judgement,
        run.snapshot_date,
    )


def _from_history(context: Context, warehouse: Warehouse, day: date) -> tuple[Any, ...]:
    """Read one date of `history.scores`; what a save is worth is computed anew from the fee known at the date."""
    import polars as pl

    has_history = warehouse.has_table("history.scores")
    # Dates scored before there were months ahead, or causes of churn, know none; then the constants count.
    columns = set(warehouse.frame("select * from history.scores limit 0").columns) if has_history else set()
    added = ", ".join(
        name if name in columns else f"cast(null as double) as {name}"
        for name in ("months_after_save", "involuntary_probability")
    )
    frame = (
        warehouse.frame(
            f"select customer_id, churn_probability, risk_band, percentile, model_version, run_id, {added} "
            "from history.scores where snapshot_date = ?",
            [day],
        )
        if has_history
        else pl.DataFrame()
    )
    if frame.is_empty():
        raise DataError(f"{day} was never scored", where="--date", remedy=f"Run `churn score --date {day}` first.")
    models = load_models(context.settings.home)
    formula = context.settings.simulation.value_of_save
    worth: dict[TermName, str] = {"value_of_save": formula} if isinstance(formula, str) else {}
    needed = features_of(warehouse, models, worth)
    build_day(context.engine, warehouse, models, context.settings, day, features=needed, progress=context.progress)
    built, _ = feature_frame(warehouse, models)
    economics = economics_from(context.settings)
    margin = built.filter(pl.col("snapshot_date") == day).select("customer_id", "monthly_margin")
    joined = frame.join(margin, on="customer_id", how="left")
    margins = joined["monthly_margin"].fill_null(0.0).to_numpy()
    is_by_survival = context.settings.business.value == "survival" and not joined["months_after_save"].null_count()
    value = economics.value_of_save(margins, joined["months_after_save"].to_numpy() if is_by_survival else None)
    own = terms_of_settings(warehouse, models, worth, joined.with_columns(pl.lit(day).alias("snapshot_date")))
    if own.terms.value_of_save is not None:
        value = own.terms.value_of_save
    joined = joined.with_columns(pl.Series("value_of_save", value))
    run_id, version = joined["run_id"][0], joined["model_version"][0]
    return joined.select(COLUMNS), run_id, version, None, None, None
