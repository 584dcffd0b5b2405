"""Scores single rows of features now, by a model held in memory; the only read that needs the model's libraries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING

from churn.context import Context
from churn.decisions.bands import BANDS, risk_bands
from churn.documents.reason import FeatureValue, RiskReason
from churn.modeling.serving.online import online_scorer

if TYPE_CHECKING:
    from churn.modeling import ServedModel
    from churn.store import ModelVersion


@dataclass(frozen=True)
class RowScore:
    """One row scored now; `reasons` is None where none were asked for, the parts by cause where causes are not known.

    The last three are of a customer of the list with some features replaced: what the same model says when nothing is
    replaced, and what the replacements change. None for rows that came with all their features.
    """

    customer_id: str
    churn_probability: float
    risk_band: str
    reasons: Sequence[RiskReason] | None
    voluntary_probability: float | None = None
    involuntary_probability: float | None = None
    probability_before: float | None = None
    band_before: str | None = None
    change: float | None = None


@dataclass(frozen=True)
class RowScores:
    """Rows scored now, in the order they came. `unknown_features` were sent and are none of the model's."""

    model_version: str
    scored_at: datetime
    snapshot_date: date
    data_cutoff: datetime
    scores: Sequence[RowScore]
    unknown_features: Sequence[str]


def score_rows(
    context: Context,
    version: ModelVersion,
    model: ServedModel,
    rows: Sequence[tuple[str, Mapping[str, FeatureValue]]],
    *,
    with_reasons: bool,
) -> RowScores:
    """Score rows of (customer_id, features) with `model` as of now; a feature left out counts as unknown."""
    scorer, features = online_scorer(model), [row_features for _, row_features in rows]
    reasons: Sequence[Sequence[RiskReason] | None] = [None] * len(rows)
    if with_reasons:
        predicted, reasons = scorer.explain(features)
    else:
        predicted = scorer.predict(features)
    bounds = context.settings.risk_bands
    bands = risk_bands(predicted.churn_probability, bounds=(bounds.medium, bounds.high, bounds.critical), margin=0.0)
    involuntary = scorer.involuntary_probability(features, predicted.churn_probability)
    parts: Sequence[float | None] = [None] * len(rows) if involuntary is None else involuntary.tolist()
    now = context.clock()
    return RowScores(
        model_version=version.version,
        scored_at=now,
        snapshot_date=now.date(),
        data_cutoff=now,
        scores=[
            RowScore(
                customer_id,
                float(probability),
                BANDS[band],
                row_reasons,
                voluntary_probability=None if part is None else float(probability) - part,
                involuntary_probability=part,
            )
            for (customer_id, _), probability, band, row_reasons, part in zip(
                rows, predicted.churn_probability, bands, reasons, parts, strict=True
            )
        ],
        unknown_features=scorer.unknown(features),
    )
