"""The records of programmes: a round with what was decided about it, its log, and a decision at a moment."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from churn.documents.programme import ProgrammeDefinition
    from churn.documents.programme_round import RoundDocument, RoundState


@dataclass(frozen=True)
class ProgrammeRound:
    """One round of a programme: the definition as it was, what came out, and who decided about it.

    `learnt` is a digest of what measurements had taught of the offers. A draft lapses at `expires_at`.
    """

    programme: str
    round: int
    state: RoundState
    definition_hash: str
    definition: ProgrammeDefinition
    learnt: str
    planned_at: datetime
    snapshot_date: date
    score_run_id: str | None
    expires_at: datetime | None
    decided_at: datetime | None
    decided_by: str | None
    note: str | None
    result: RoundDocument


@dataclass(frozen=True)
class LoggedChoice:
    """How one customer fared in a round: the arm drawn, that of the policy, and the offer whose treatment or holdout they are in."""

    programme: str
    round: int
    snapshot_date: date
    arm: str
    policy_arm: str
    offer: str | None
    is_random: bool
    is_holdout: bool


@dataclass(frozen=True)
class MomentDecision:
    """What was answered at a moment, such as a click on cancel: an arm, its probability in the round, and why."""

    decision_id: str
    programme: str
    round: int
    customer_id: str
    moment: str
    arm: str
    probability: float | None
    reason: str
    who: str
    decided_at: datetime


# Columns of the log in the order they are stored, with their polars types by name.
LOG_COLUMNS: dict[str, str] = {
    "programme": "String",
    "round": "Int64",
    "customer_id": "String",
    "snapshot_date": "Date",
    "arm": "String",
    "policy_arm": "String",
    "offer": "String",
    "is_random": "Boolean",
    "is_holdout": "Boolean",
    "probabilities": "String",
    "expected_profits": "String",
    "churn_probability": "Float64",
    "risk_band": "String",
    "percentile": "Float64",
    "value_of_save": "Float64",
    "expected_uplift": "Float64",
    "contact_cost": "Float64",
    "incentive_cost": "Float64",
    "voluntary_part": "Float64",
    "involuntary_part": "Float64",
}
OPTIONAL_LOG_COLUMNS = frozenset(
    {"offer", "percentile", "expected_uplift", "contact_cost", "incentive_cost", "voluntary_part", "involuntary_part"}
)
