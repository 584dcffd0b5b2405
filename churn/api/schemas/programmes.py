"""What the service takes and gives of programmes and of decisions at a moment, typed."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from pydantic import BaseModel, Field

from churn.api.schemas.campaigns import NAME
from churn.api.schemas.risk import Instant, Strict
from churn.documents.height import HeightDocument
from churn.documents.programme import Cadence
from churn.documents.programme_findings import EvaluatedPolicy
from churn.documents.programme_round import RoundDocument, RoundState
from churn.views.programmes import ShownProgramme

Note = Annotated[str | None, Field(max_length=500, description="Why, for the record.")]


class Programme(BaseModel):
    """A programme in short. `error` says what is wrong with its file."""

    name: str = Field(examples=["keep"])
    title: str | None
    owner: str | None
    cadence: Cadence | None
    offers: tuple[str, ...] = Field(description="Campaigns whose offers compete.")
    rounds: int
    newest_round: int | None
    state: RoundState | None
    planned_at: Instant | None
    snapshot_date: date | None
    contacted: int = Field(description="Customers whom the newest round contacts.")
    waiting: int | None = Field(description="The round that is a draft and waits for approval.")
    error: str | None
    archived: date | None = Field(
        None, description="Since when it is archived; left out where it is not.", exclude_if=lambda value: value is None
    )


class ProgrammeDetails(ShownProgramme):
    """A programme: its definition, its rounds with their money, its offers with what is believed of them, the newest round."""


class ProgrammeRoundDetails(RoundDocument):
    """One round whole: arms, random slice, money, the plan behind it."""


class HeightInput(Strict):
    """Within how many months a programme shall pay back."""

    months: Annotated[int, Field(ge=1, le=24)] = 12


class EvaluationInput(Strict):
    """Which policy, and what it is compared with."""

    policy: str = Field(
        "plan", max_length=100, description="plan, greedy, leave_alone, logged, or the name of an offer."
    )
    against: str | None = Field(
        "logged", max_length=100, description="The policy that it is compared with; null for none."
    )


class ProgrammeHeight(HeightDocument):
    """Whether a programme can learn, prove itself and pay back, as it was foreseen last; money in the configured currency."""


class PolicyEvaluation(EvaluatedPolicy):
    """What a policy would have earned in the rounds whose outcomes are final, or why that cannot be told."""


class RoundInput(Strict):
    """Which draft is meant: the newest where none is named."""

    round: Annotated[int, Field(ge=1, le=2**31 - 1)] | None = None
    note: Note = None


class DecidedRound(BaseModel):
    """A round that was approved or rejected, and how many customers were assigned by it."""

    programme: str
    round: int
    state: Literal["approved", "rejected"]
    treatment: int
    holdout: int
    left_out: int = Field(
        description="Customers of the draft who objected, left, came into another campaign or were contacted since."
    )


class DecisionInput(Strict):
    """The customer, the moment and the programme."""

    programme: str = Field(max_length=100, pattern=NAME, examples=["keep"])
    customer_id: str = Field(min_length=1, max_length=1_000, examples=["C0000042"])
    moment: str = Field(
        max_length=60, pattern=NAME, description="What happens, in your words.", examples=["cancel_click", "call"]
    )


class Decision(BaseModel):
    """What to offer now, or `leave_alone`."""

    decision_id: str
    programme: str
    round: int
    customer_id: str
    moment: str
    decision: str = Field(description="The offer, by its campaign's name, or leave_alone.", examples=["support_call"])
    title: str | None = Field(description="The offer in words.")
    channel: str | None
    campaign: str | None = Field(description="Under which its outcomes are told: POST /v1/outcomes.")
    probability: float | None = Field(
        description="With which the round drew this arm for this customer; null for whom it holds none."
    )
    reason: Literal[
        "best_offer",
        "by_chance",
        "better_left_alone",
        "holdout",
        "not_in_round",
        "round_over",
        "objected",
        "no_consent",
        "in_another_campaign",
        "contacted_recently",
        "not_active",
        "open_ticket",
    ] = Field(description="Why. Do not tell it to the customer.")
    decided_at: Instant
