"""Why a customer scores as they do: one feature's part in a churn probability, as lists, pages and callers are told it."""

from __future__ import annotations

from churn.documents.document import Document

FeatureValue = int | float | str | bool | None


class RiskReason(Document):
    """One feature's part in a customer's churn probability; `points` 0.062 raise it by 6.2 percentage points.

    In `change_reasons` of a customer, `points` are what the part changed by since the run before.
    """

    feature: str
    value: FeatureValue
    text: str
    is_actionable: bool
    points: float
