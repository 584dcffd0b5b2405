"""What the store knows, as the tables that the SQL under `sql/published` reads as store.NAME: typed, none of it JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

from churn.documents.measurement import MeasurementDocument
from churn.store.records import Measurement, ModelVersion, PlanRecord, ScoreRun

if TYPE_CHECKING:
    import polars as pl

    from churn.store import Store

Cells = Mapping[str, object]

_RUN: Final = {
    "run_id": "String",
    "snapshot_date": "Date",
    "model_version": "String",
    "scored_at": "Datetime",
    "data_cutoff": "Datetime",
    "customers": "Int64",
    "is_current": "Boolean",
    "is_stale": "Boolean",
    "tells_money": "Boolean",
}
_MODEL: Final = {
    "version": "String",
    "kind": "String",
    "created_at": "Datetime",
    "status": "String",
    "auc": "Float64",
    "log_loss": "Float64",
    "brier": "Float64",
    "calibration_slope": "Float64",
    "is_calibrated": "Boolean",
    "reason": "String",
}
_CAMPAIGN: Final = {
    "plan_id": "String",
    "campaign": "String",
    "title": "String",
    "channel": "String",
    "planned_at": "Datetime",
    "snapshot_date": "Date",
    "model_version": "String",
    "window_days": "Int64",
    "profit_model": "String",
    "treatment": "Int64",
    "holdout": "Int64",
    "expected_saves": "Float64",
    "expected_cost": "Float64",
    "expected_profit": "Float64",
    "expected_profit_low": "Float64",
    "expected_profit_high": "Float64",
}
_MEASUREMENT: Final = {
    "campaign": "String",
    "measured_at": "Datetime",
    "is_mature": "Boolean",
    "status": "String",
    "verdict": "String",
    "treatment": "Int64",
    "holdout": "Int64",
    "churn_treatment": "Float64",
    "churn_holdout": "Float64",
    "effect": "Float64",
    "effect_low": "Float64",
    "effect_high": "Float64",
    "saves": "Float64",
    "spent": "Float64",
    "net_profit": "Float64",
    "net_profit_low": "Float64",
    "net_profit_high": "Float64",
}


def store_tables(store: Store) -> dict[str, pl.DataFrame]:
    """Return the tables by name."""
    import polars as pl

    page = store.published.page(limit=None, order=None)
    reason = pl.Struct({"feature": pl.String, "text": pl.String, "points": pl.Float64, "is_actionable": pl.Boolean})
    scores = page.frame.with_columns(pl.col("reasons").str.json_decode(pl.List(reason)))
    current = page.run.run_id if page.run is not None else None
    runs = [_run(run, current, tells_money=store.published.tells_money(run)) for run in store.scores.runs()]
    plans = store.plans.list()
    campaigns = sorted({plan.campaign for plan in plans})
    newest = [measured for name in campaigns if (measured := store.measurements.latest(name)) is not None]
    return {
        "scores": scores,
        "score_runs": _frame(runs, _RUN),
        "models": _frame([_model(model) for model in store.models.list()], _MODEL),
        "campaigns": _frame([cells for plan in plans if (cells := _plan(plan)) is not None], _CAMPAIGN),
        "assignments": _with_plans(store, campaigns),
        "outcomes": store.outcomes.recent(),
        "measurements": _frame([_measured(measurement) for measurement in newest], _MEASUREMENT),
    }


def _frame(rows: Sequence[Cells], columns: Mapping[str, str]) -> pl.DataFrame:
    import polars as pl

    schema = {name: pl.Datetime("us") if kind == "Datetime" else getattr(pl, kind) for name, kind in columns.items()}
    return pl.DataFrame([[row[name] for name in columns] for row in rows], schema=schema, orient="row")


def _with_plans(store: Store, campaigns: Sequence[str]) -> pl.DataFrame:
    import polars as pl

    frames = [store.assignments.of(name) for name in campaigns or [""]]
    return pl.concat(
        frame if "campaign" in frame.columns else frame.with_columns(pl.lit(name).alias("campaign"))
        for name, frame in zip(campaigns or [""], frames, strict=True)
    )


def _run(run: ScoreRun, current: str | None, *, tells_money: bool) -> Cells:
    own = {name: getattr(run, name) for name in _RUN if name not in {"is_current", "tells_money"}}
    return {**own, "is_current": run.run_id == current, "tells_money": tells_money}


def _model(model: ModelVersion) -> Cells:
    figures = ("auc", "log_loss", "brier", "calibration_slope", "is_calibrated")
    own = {name: getattr(model, name) for name in _MODEL if name not in figures}
    return {**own, **{name: getattr(model.metrics, name, None) for name in figures}}


def _plan(plan: PlanRecord) -> Cells | None:
    part = plan.result.campaign(plan.campaign)
    if part is None:
        return None
    own = {
        name: getattr(plan, name) for name in ("plan_id", "campaign", "planned_at", "snapshot_date", "model_version")
    }
    return {
        **own,
        "title": part.title,
        "channel": part.channel,
        "window_days": part.window_days,
        "profit_model": part.profit_model,
        "treatment": part.treatment,
        "holdout": part.holdout,
        "expected_saves": part.expected.saves,
        "expected_cost": part.expected.cost,
        "expected_profit": part.expected.profit,
        "expected_profit_low": part.expected.profit_interval.low,
        "expected_profit_high": part.expected.profit_interval.high,
    }


def _measured(measurement: Measurement) -> Cells:
    document: MeasurementDocument = measurement.result
    effect, earned = document.effect, document.earned
    arms = document.arms
    return {
        "campaign": measurement.campaign,
        "measured_at": measurement.measured_at,
        "is_mature": measurement.is_mature,
        "status": document.status,
        "verdict": document.verdict,
        "treatment": arms.treatment.assigned,
        "holdout": arms.holdout.assigned,
        "churn_treatment": arms.treatment.churn_rate,
        "churn_holdout": arms.holdout.churn_rate,
        "effect": effect.delta if effect is not None else None,
        "effect_low": effect.low if effect is not None else None,
        "effect_high": effect.high if effect is not None else None,
        "saves": earned.saves.value if earned is not None else None,
        "spent": document.money.costs.spent if document.money is not None else None,
        "net_profit": earned.net_profit.value if earned is not None else None,
        "net_profit_low": earned.net_profit.low if earned is not None else None,
        "net_profit_high": earned.net_profit.high if earned is not None else None,
    }
