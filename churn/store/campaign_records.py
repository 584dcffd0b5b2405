"""What the store takes and gives of campaigns: plain frozen records and the columns of its frames."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal, get_args

Arm = Literal["treatment", "holdout"]
OutcomeKind = Literal["contacted", "delivered", "accepted", "declined", "canceled", "unsubscribed", "lost", "won"]
OUTCOME_KINDS: tuple[str, ...] = get_args(OutcomeKind)
Severity = Literal["info", "warning", "critical"]

# Columns in the order they are stored, with their polars types by name.
ASSIGNMENT_COLUMNS: dict[str, str] = {
    "campaign": "String",
    "customer_id": "String",
    "plan_id": "String",
    "arm": "String",
    "stratum": "String",
    "snapshot_date": "Date",
    "assigned_at": "Datetime",
    "churn_probability": "Float64",
    "risk_band": "String",
    "percentile": "Float64",
    "expected_profit": "Float64",
    "expected_uplift": "Float64",
    "value_of_save": "Float64",
    "contact_cost": "Float64",
    "incentive_cost": "Float64",
}
OPTIONAL_ASSIGNMENT_COLUMNS = frozenset({"percentile", "expected_uplift"})

OUTCOME_COLUMNS: dict[str, str] = {
    "campaign": "String",
    "customer_id": "String",
    "event_id": "String",
    "kind": "String",
    "occurred_at": "Datetime",
    "recorded_at": "Datetime",
    "source": "String",
}

REJECTION_COLUMNS: dict[str, str] = {
    "rejection_id": "String",
    "source": "String",
    "row_number": "Int64",
    "customer_id": "String",
    "campaign": "String",
    "event_id": "String",
    "kind": "String",
    "occurred_at": "String",
    "reason": "String",
    "recorded_at": "Datetime",
}


@dataclass(frozen=True)
class PlanRecord:
    """One run of `churn plan` for one campaign: the definition as it was, what went in, and what came out."""

    plan_id: str
    campaign: str
    definition_hash: str
    definition: dict[str, Any]
    planned_at: datetime
    snapshot_date: date
    score_run_id: str | None
    model_version: str
    profit_model: str
    inputs: dict[str, Any]
    result: dict[str, Any]


@dataclass(frozen=True)
class Added:
    """How many outcome events were new, already known, and about nobody in the campaign; `unmatched` is of both."""

    new: int
    known: int
    unmatched: int


@dataclass(frozen=True)
class Measurement:
    """What a campaign was found to have caused, as of `measured_at`."""

    measurement_id: int
    campaign: str
    plan_ids: list[str]
    measured_at: datetime
    is_mature: bool
    result: dict[str, Any]


@dataclass(frozen=True)
class Alert:
    """Something a person must look at; open until `resolved_at`."""

    alert_id: int
    kind: str
    subject: str
    severity: Severity
    message: str
    raised_at: datetime
    resolved_at: datetime | None
