"""A row of a score list: its columns, their types, and the row as the store hands it on."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypedDict, cast

# The columns of a score list, in the order they are stored, with their polars types by name.
SCORE_COLUMNS: dict[str, str] = {
    "customer_id": "String",
    "churn_probability": "Float64",
    "raw_score": "Float64",
    "risk_band": "String",
    "percentile": "Float64",
    "expected_profit": "Float64",
    "value_of_save": "Float64",
    "monthly_margin": "Float64",
    "plan": "String",
    "reasons": "String",
    "previous_probability": "Float64",
    "change": "Float64",
    "change_reasons": "String",
    "is_listed": "Boolean",
    "involuntary_probability": "Float64",
    "churn_within_30d": "Float64",
    "churn_within_90d": "Float64",
    "churn_within_180d": "Float64",
    "churn_within_360d": "Float64",
    "months_kept": "Float64",
    "months_kept_low": "Float64",
    "months_kept_high": "Float64",
    "months_after_save": "Float64",
}
# Said of months ahead, where the model knows of them: see docs/lifetime.md. A list without them lacks all of them.
LIFETIME_COLUMNS = (
    "churn_within_30d",
    "churn_within_90d",
    "churn_within_180d",
    "churn_within_360d",
    "months_kept",
    "months_kept_low",
    "months_kept_high",
    "months_after_save",
)
# Kept beside them for whoever asks for it by name: words on consent, objection, contact and tickets; null before 0015.
UNLISTED_COLUMNS: dict[str, str] = {"contact_facts": "String"}
# These may hold nothing: a customer without a plan, one never scored before, churn whose cause is not known.
OPTIONAL_COLUMNS = frozenset(
    {"plan", "previous_probability", "change", "change_reasons", "involuntary_probability", *LIFETIME_COLUMNS}
)


class ScoreRow(TypedDict):
    """One customer's score; both kinds of reasons are JSON, as they are kept.

    `involuntary_probability` is the part of `churn_probability` that is; None where the causes are not known.
    """

    customer_id: str
    churn_probability: float
    raw_score: float
    risk_band: str
    percentile: float
    expected_profit: float
    value_of_save: float
    monthly_margin: float
    plan: str | None
    reasons: str
    previous_probability: float | None
    change: float | None
    change_reasons: str | None
    is_listed: bool
    involuntary_probability: float | None
    churn_within_30d: float | None
    churn_within_90d: float | None
    churn_within_180d: float | None
    churn_within_360d: float | None
    months_kept: float | None
    months_kept_low: float | None
    months_kept_high: float | None
    months_after_save: float | None


def score_row(values: Iterable[tuple[str, object]]) -> ScoreRow:
    """Return the row that a driver gave as (column, value)."""
    row = dict(values)
    row["is_listed"] = bool(row["is_listed"])  # SQLite has 1 and 0 for booleans
    return cast("ScoreRow", row)
