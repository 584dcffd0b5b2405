"""A row of the risk list, as the command line, the API and the pages show it: typed, and JSON as it stands."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, TypedDict

from churn.languages.words import tr

if TYPE_CHECKING:
    from churn.documents.reason import FeatureValue
    from churn.store.score_row import ScoreRow


class ShownReason(TypedDict):
    """One feature's part in a probability, or in its change, as the store keeps it (see `RiskReason`)."""

    feature: str
    value: FeatureValue
    text: str
    is_actionable: bool
    points: float


class ScoredCustomer(TypedDict):
    """One customer of the list; `change_reasons` is None for whoever was not scored before.

    The probabilities by cause add up to `churn_probability`, and are None where the causes are not known.

    What is said of months ahead is None where the model knows nothing of them: see docs/lifetime.md.
    `expected_profit` is None where the model failed the calibration gate: its probabilities are no money.
    """

    customer_id: str
    churn_probability: float
    raw_score: float
    risk_band: str
    percentile: float
    expected_profit: float | None
    value_of_save: float
    monthly_margin: float
    plan: str | None
    reasons: list[ShownReason]
    previous_probability: float | None
    change: float | None
    change_reasons: list[ShownReason] | None
    is_listed: bool
    involuntary_probability: float | None
    voluntary_probability: float | None
    churn_within_30d: float | None
    churn_within_90d: float | None
    churn_within_180d: float | None
    churn_within_360d: float | None
    months_kept: float | None
    months_kept_low: float | None
    months_kept_high: float | None
    months_after_save: float | None


def scored_customer(row: ScoreRow, *, tells_money: bool) -> ScoredCustomer:
    """Return a row of the store, which keeps reasons as JSON; without `tells_money` no amount that rests on a probability."""
    return {
        **row,
        "voluntary_probability": voluntary_probability(row),
        "expected_profit": row["expected_profit"] if tells_money else None,
        "reasons": json.loads(row["reasons"] or "[]"),
        "change_reasons": json.loads(row["change_reasons"] or "null") or None,
    }


def voluntary_probability(row: ScoreRow) -> float | None:
    """Return the part of a churn probability that is voluntary; None where the causes are not known."""
    involuntary = row["involuntary_probability"]
    return None if involuntary is None else row["churn_probability"] - involuntary


def no_money(model_version: str) -> str:
    """Return why no amounts are shown."""
    return tr(
        "The probabilities of {model_version} fail the calibration gate, so no amount of money "
        "is shown that rests on them. Train again.",
        model_version=model_version,
    )
