"""What one round of a programme decided: the arms with their counts and money, the random slice, and the plan behind it.

Money in cents, shares in 0..1; None where there is none.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Literal

from pydantic import Field

from churn.config import ProfitModel
from churn.documents.definition import CampaignDefinition
from churn.documents.document import Document
from churn.documents.plan import PlanDocument, PlanInputs

RoundState = Literal["draft", "approved", "rejected", "expired", "superseded"]


class SwitchedOff(Document):
    """An offer that a round left out, as outcomes say with `certainty` that contact drives customers away on average."""

    offer: str
    certainty: float
    effect: float
    rounds: int
    why: str


class OfferOnTrial(Document):
    """An offer that is not sure to earn, and so is made to a few drawn by chance: `chance` that it earns, how many may get it."""

    offer: str
    chance: float
    customers: int
    of: int
    rounds: int


class RoundArm(Document):
    """One offer in a round, or leaving alone.

    `chosen` counts whom the offer was best for, the holdout of them included; `contacted` those who get it, the random
    slice included; `at_random` the slice's. `expected_profit` is of all contacted. `taken_before`: contacts earlier this month.
    """

    offer: str
    title: str
    campaign: str | None
    eligible: int
    chosen: int
    contacted: int
    held_out: int
    at_random: int
    expected_cost: float
    expected_profit: float
    committed: float
    capacity: int | None
    taken_before: int


class OfferNotTried(Document):
    """An offer that the random slice draws for none of `customers`, out of the `of` who may be made it: at best it loses."""

    offer: str
    customers: int
    of: int


class SliceOfRound(Document):
    """The random slice: the share wanted, the share that fits the limits, who is in it, and what it costs.

    `cost` is the profit that the same customers would be expected to bring by the policy, less that of what they drew.
    """

    wanted_share: float
    share: float
    leave_alone: float
    customers: int
    left_alone: int
    cost: float
    not_tried: tuple[OfferNotTried, ...] = Field(
        default=(),
        exclude_if=lambda offers: not offers,  # a round of an earlier version is written as it was
    )


class PlannedOffer(Document):
    """What an offer's assignments are kept under once the round is approved: its campaign of this round, as planned."""

    offer: str
    campaign: str
    plan_id: str
    definition: CampaignDefinition
    profit_model: ProfitModel
    window_days: int
    inputs: PlanInputs


class RoundDocument(Document):
    """One round of a programme. `arms` ends with leave_alone; the log of probabilities has their order.

    `left_out` counts those of the draft whom nobody might contact any more when it was approved; nothing else counts them.
    """

    programme: str
    title: str
    round: int
    is_draft: bool
    expires_at: datetime | None
    planned_at: datetime
    snapshot_date: date
    model_version: str
    run_id: str | None
    currency: str
    customers: int
    eligible: int
    budget: float | None
    budget_used_before: float
    committed: float
    holdout_share: float
    random_slice: SliceOfRound
    arms: tuple[RoundArm, ...]
    switched_off: tuple[SwitchedOff, ...]
    on_trial: tuple[OfferOnTrial, ...] = Field(
        default=(),
        exclude_if=lambda trials: not trials,  # a round of an earlier version is written as it was
    )
    offers: tuple[PlannedOffer, ...]
    left_out: int = Field(default=0, exclude_if=lambda customers: not customers)
    plan: PlanDocument
    sentences: tuple[str, ...]

    def arm(self, offer: str) -> RoundArm | None:
        """Return the arm of an offer; None where it took no part."""
        return next((arm for arm in self.arms if arm.offer == offer), None)

    def offer_of(self, campaign: str) -> str | None:
        """Return the offer whose assignments of this round bear the name `campaign`."""
        return next((planned.offer for planned in self.offers if planned.campaign == campaign), None)
