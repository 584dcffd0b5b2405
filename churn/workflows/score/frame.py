"""Turns one date's features into the rows of the risk list, and keeps them in the warehouse's history."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING

from churn.campaigns.economics import economics_from
from churn.context import Context
from churn.decisions.bands import BANDS, percentiles, risk_bands
from churn.decisions.checks import Floats
from churn.decisions.offer_terms import CustomersTerms
from churn.decisions.profit import value_contacts
from churn.errors import DataError
from churn.snapshots.customer_terms import terms_of_settings
from churn.snapshots.dataset import scoring_set
from churn.store.score_row import LIFETIME_COLUMNS
from churn.warehouse.models.sql_models import load_models
from churn.workflows.score.explain_rows import ExplainRows
from churn.workflows.score.history import read_previous, write_history

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    import polars as pl
    from numpy.typing import NDArray

    from churn.modeling import Explanation, Lifetime, LifetimeFigures, ServedModel
    from churn.snapshots.dataset import ScoringSet
    from churn.warehouse.connection import Warehouse


LISTED_FROM = "high"  # the risk list begins at this band


@dataclass(frozen=True)
class ScoredFrame:
    """The list of one date. `turnover` is the share of the previous list that is no longer on it.

    `features` has the same customers in the same order: what the model saw, and plan, monthly_fee, monthly_margin.
    `base_probability` is where every customer's reasons start from.
    """

    run_id: str
    frame: pl.DataFrame
    bands: dict[str, int]
    turnover: float | None
    mean_probability: float
    data_cutoff: datetime
    fingerprint: str
    features: pl.DataFrame
    base_probability: float


def score_frame(
    context: Context,
    warehouse: Warehouse,
    model: ServedModel,
    version: str,
    day: date,
    cutoff: datetime,
    lifetime: Lifetime | None = None,
) -> ScoredFrame:
    """Score `day` with `model` and write it to history; rows of the same day are replaced, so a rerun changes nothing.

    `cutoff` is until when facts reach; `lifetime` says of months ahead; where the settings value a save by survival and there is one, so is the value.
    Raises DataError when nobody is active on the day, ModelError when the model returns something other than numbers.
    """
    import numpy as np
    import polars as pl

    data = _features(context, warehouse, model, day, cutoff)
    context.progress.step(f"Scoring {data.frame.height:,} customers as of {day}")
    work = ExplainRows(version, model, lifetime, context.settings.business.discount_rate)
    done = context.engine.over_rows(data.frame, work, progress=context.progress)
    explanation = done.explanation
    previous = read_previous(warehouse, day, data.frame["customer_id"], version)
    bands = _bands(context, explanation.churn_probability, previous.bands)
    own, worth = _own_terms(context, warehouse, data, day)
    frame = _list(context, data, explanation, bands, done.ahead, own, worth).with_columns(
        pl.lit(None, dtype=pl.Float64).alias("involuntary_probability")
        if done.involuntary is None
        else pl.Series("involuntary_probability", done.involuntary),
        done.reasons.alias("reasons"),
        pl.Series("previous_probability", previous.churn_probability, dtype=pl.Float64, nan_to_null=True),
        previous.change_reasons(explanation, data.frame, model.features).alias("change_reasons"),
    )
    frame = frame.with_columns((pl.col("churn_probability") - pl.col("previous_probability")).alias("change"))
    run_id = _run_id(version, day, data.fingerprint)
    write_history(warehouse, frame, explanation, day=day, version=version, run_id=run_id, features=model.feature_names)
    counts = np.bincount(bands, minlength=len(BANDS))
    return ScoredFrame(
        run_id=run_id,
        frame=frame,
        bands={name: int(counts[i]) for i, name in enumerate(BANDS)},
        turnover=previous.turnover(frame),
        mean_probability=float(explanation.churn_probability.mean()),
        data_cutoff=context.utc_of(data.data_cutoff),
        fingerprint=data.fingerprint,
        features=_seen(data.frame, model.feature_names),
        base_probability=float(explanation.base_probability),
    )


def _own_terms(
    context: Context, warehouse: Warehouse, data: ScoringSet, day: date
) -> tuple[CustomersTerms, Floats | None]:
    """Return the terms of [simulation] that are SQL, and what a save is worth (n,) where that is; 0 where it is not known."""
    import polars as pl

    formulas = context.settings.simulation.formulas
    if not formulas:
        return CustomersTerms.alike(data.frame.height), None
    models = load_models(context.settings.home)
    keys = data.frame.select("customer_id", pl.lit(day).alias("snapshot_date"))
    own = terms_of_settings(warehouse, models, formulas, keys)
    worth = formulas.get("value_of_save")
    if worth is None or own.is_usable.all():
        return own, own.terms.value_of_save
    # Whoever has no usable cost has a value: campaigns go by it.
    return own, terms_of_settings(warehouse, models, {"value_of_save": worth}, keys).terms.value_of_save


def _seen(frame: pl.DataFrame, features: Sequence[str]) -> pl.DataFrame:
    facts = [name for name in ("plan", "monthly_fee", "monthly_margin") if name in frame.columns]
    return frame.select("customer_id", *facts, *(name for name in features if name not in facts))


def _features(context: Context, warehouse: Warehouse, model: ServedModel, day: date, cutoff: datetime) -> ScoringSet:
    models = load_models(context.settings.home)
    context.engine.build_snapshots(
        warehouse,
        models,
        model.policy,
        [day],
        data_cutoff=cutoff,
        wanted=model.feature_names,
        progress=context.progress,
    )
    data = scoring_set(warehouse, models, model.policy, day, wanted=model.feature_names)
    if data.frame.is_empty():
        raise DataError(
            f"no customer is active on {day}",
            where="snapshots.spine",
            remedy="Choose a date the data cover, or check [churn] and the sources.",
        )
    return data


def _bands(context: Context, p: NDArray[np.float64], previous: NDArray[np.int64]) -> NDArray[np.int64]:
    bounds = context.settings.risk_bands
    return risk_bands(p, bounds=(bounds.medium, bounds.high, bounds.critical), margin=bounds.margin, previous=previous)


def _list(
    context: Context,
    data: ScoringSet,
    explanation: Explanation,
    bands: NDArray[np.int64],
    ahead: LifetimeFigures | None,
    own: CustomersTerms,
    worth: Floats | None,
) -> pl.DataFrame:
    import numpy as np
    import polars as pl

    p = explanation.churn_probability
    economics = economics_from(context.settings)
    margin = data.frame["monthly_margin"].to_numpy().astype(np.float64)
    is_by_survival = ahead is not None and context.settings.business.value == "survival"
    value = economics.value_of_save(margin, ahead.months_after_save if ahead is not None and is_by_survival else None)
    value = value if worth is None else worth
    return pl.DataFrame(
        {
            "customer_id": data.frame["customer_id"],
            "churn_probability": p,
            "raw_score": explanation.raw_score,
            "risk_band": np.asarray(BANDS)[bands],
            "percentile": percentiles(p),
            # Whoever's terms are not known is not worth a contact on them.
            "expected_profit": np.where(own.is_usable, value_contacts(p, value, economics, own.terms).profit, 0.0),
            "value_of_save": value,
            "monthly_margin": margin,
            "plan": data.frame["plan"] if "plan" in data.frame.columns else pl.Series([None] * len(p), dtype=pl.String),
            "is_listed": bands >= BANDS.index(LISTED_FROM),
            **_ahead(ahead, len(p)),
        }
    )


def _ahead(figures: LifetimeFigures | None, rows: int) -> dict[str, pl.Series]:
    """Return the columns of months ahead; without figures they hold nothing."""
    import polars as pl

    if figures is None:
        return {name: pl.Series(name, [None] * rows, dtype=pl.Float64) for name in LIFETIME_COLUMNS}
    values = (*figures.within.T, figures.months_kept, figures.months_kept_low, figures.months_kept_high)
    return {
        name: pl.Series(name, column)
        for name, column in zip(LIFETIME_COLUMNS, (*values, figures.months_after_save), strict=True)
    }


def _run_id(version: str, day: date, fingerprint: str) -> str:
    digest = hashlib.sha256(f"{version}|{day}|{fingerprint}".encode()).hexdigest()
    return f"{day:%Y%m%d}-{digest[:12]}"
