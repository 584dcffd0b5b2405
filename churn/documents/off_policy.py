"""What another policy would have earned on the decisions of a log, or why that cannot be told; as it is kept and answered."""

from __future__ import annotations

from typing import Literal

from churn.decisions.choices import RefusalReason
from churn.documents.document import Document


class PolicyProfit(Document):
    """Totals in money over the logged decisions, `low` to `high` at `confidence`; see `decisions.off_policy`.

    `against` names the policy that it is the gain over; None where it is the profit itself.
    """

    kind: Literal["estimate"] = "estimate"
    policy: str
    against: str | None
    profit: float
    low: float
    high: float
    error: float
    bias_low: float
    bias_high: float
    decisions: int
    effective: float
    clipped: float
    unsupported: float
    largest_weight: float
    confidence: float


class NoPolicyProfit(Document):
    """Why no profit can be told: too much of the policy was never tried, or too few decisions tell of it."""

    kind: Literal["refusal"] = "refusal"
    policy: str
    against: str | None
    reason: RefusalReason
    decisions: int
    effective: float
    unsupported: float
    needed_effective: float
    allowed_unsupported: float
