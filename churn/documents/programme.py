"""What a programme is: offers that compete with leaving alone for the same customers, round after round; typed and frozen."""

from __future__ import annotations

import hashlib
import json
from datetime import date
from typing import Annotated, Final, Literal

from pydantic import Field, field_validator

from churn.documents.definition import Amount, Audience, Limit
from churn.documents.document import Document

LEAVE_ALONE: Final = "leave_alone"  # the arm beside the offers
Cadence = Literal["daily", "weekly", "monthly", "by_hand"]
Days = Annotated[int, Field(ge=0, le=3650)]
BelowOne = Annotated[float, Field(ge=0, lt=1)]


class ProgrammeHeading(Document):
    """[programme]: what it is called, whose it is, and how often it is planned."""

    title: str = Field(min_length=1, max_length=200, description="What people call it.")
    owner: str | None = Field(None, description="Who answers for it.")
    description: str | None = Field(None, description="What it is for, in a sentence.")
    cadence: Cadence = Field(
        "monthly", description="How often the nightly job plans a round: daily, weekly, monthly, or by_hand for never."
    )
    archived: date | None = Field(
        None,
        description="The day since when it is archived: hidden, and neither planned nor pushed.",
        exclude_if=lambda value: value is None,
    )


class CompetingOffer(Document):
    """[offers.NAME]: a campaign whose [offer] and [audience] compete; NAME is its file's."""

    is_on: bool = Field(default=True, description="Whether it takes part.")
    capacity: Annotated[int, Field(gt=0)] | None = Field(
        None, description="Contacts a month; [limits] contacts of the campaign if left out."
    )
    cooldown_days: Days | None = Field(
        None,
        description="Days since anyone contacted them; the longer one of the programme's and the campaign's if left out.",
    )
    weight: Annotated[float, Field(gt=0, le=1000)] = Field(
        1.0, description="Its share of the random slice, beside the weights of the other offers."
    )


class ProgrammeLimits(Document):
    """[limits]: how far the programme may go in a calendar month."""

    budget: Limit | None = Field(None, description="Money a month for contacts and incentives; no limit if left out.")
    cooldown_days: Days = Field(30, description="Days since anyone contacted them, whatever the offer.")
    min_expected_profit: Amount | None = Field(
        None, description="Only customers who are expected to earn more; each campaign's own if left out."
    )


class ProgrammeHoldout(Document):
    """[holdout]: the share of those chosen for an offer who are left alone by chance, so that its effect can be measured."""

    share: BelowOne = Field(0.1, description="Share of those chosen who are left alone.")
    seed: int = Field(1, description="Changes who they are; leave it as it is.")


class RandomSlice(Document):
    """[random_slice]: the share of everybody eligible who get an offer, or none, by chance alone, in every round."""

    share: BelowOne = Field(0.02, description="Share of everybody eligible; 0 for no slice.")
    leave_alone: Annotated[float, Field(gt=0, lt=1)] = Field(0.25, description="Share of the slice that is left alone.")
    limits_share: Annotated[float, Field(gt=0, le=1)] = Field(
        0.2,
        description="The most it may take of the budget and of each capacity; it is made smaller where it would take more.",
    )
    seed: int = Field(2, description="Changes who they are; leave it as it is.")


class Approval(Document):
    """[approval]: whether a planned round waits for somebody's yes before anything is assigned or pushed."""

    required: bool = Field(default=False, description="Whether a round is a draft until it is approved.")
    by: tuple[str, ...] = Field(
        (), description="Users and API keys who may approve; everybody with the scope push if empty."
    )
    budget_owner: str | None = Field(None, description="User or API key who may reject a round beside them.")
    expires_days: Annotated[int, Field(ge=1, le=365)] = Field(7, description="Days after which a draft lapses.")


class ProgrammeFile(Document):
    """The sections of programmes/NAME.toml."""

    programme: ProgrammeHeading
    audience: Audience = Field(default_factory=Audience)
    offers: dict[str, CompetingOffer]
    limits: ProgrammeLimits = Field(default_factory=ProgrammeLimits)
    holdout: ProgrammeHoldout = Field(default_factory=ProgrammeHoldout)
    random_slice: RandomSlice = Field(default_factory=RandomSlice)
    approval: Approval = Field(default_factory=Approval)

    @field_validator("offers")
    @classmethod
    def _some(cls, offers: dict[str, CompetingOffer]) -> dict[str, CompetingOffer]:
        if not any(offer.is_on for offer in offers.values()):
            raise ValueError("name at least one campaign whose offer takes part")
        if LEAVE_ALONE in offers:
            raise ValueError(f"{LEAVE_ALONE} takes part anyway: leave it out")
        return offers


class ProgrammeDefinition(Document):
    """One programme; `name` is its file's. Two definitions with the same `hash` plan the same."""

    name: str
    title: str
    owner: str | None
    description: str | None
    cadence: Cadence
    audience: Audience
    offers: dict[str, CompetingOffer]
    limits: ProgrammeLimits
    holdout: ProgrammeHoldout
    random_slice: RandomSlice
    approval: Approval
    archived: date | None = Field(None, exclude_if=lambda value: value is None)

    @classmethod
    def of(cls, name: str, file: ProgrammeFile) -> ProgrammeDefinition:
        """Return the definition that `file` makes under `name`."""
        return cls(
            name=name,
            title=file.programme.title,
            owner=file.programme.owner,
            description=file.programme.description,
            cadence=file.programme.cadence,
            audience=file.audience,
            offers=file.offers,
            limits=file.limits,
            holdout=file.holdout,
            random_slice=file.random_slice,
            approval=file.approval,
            archived=file.programme.archived,
        )

    @property
    def hash(self) -> str:
        """SHA-256 of the canonical JSON, archived or not."""
        text = json.dumps(
            self.model_copy(update={"archived": None}).as_json(),
            sort_keys=True,
            separators=(",", ":"),
            ensure_ascii=True,
        )
        return hashlib.sha256(text.encode()).hexdigest()

    @property
    def competing(self) -> tuple[str, ...]:
        """The campaigns whose offers take part, in order."""
        return tuple(name for name, offer in self.offers.items() if offer.is_on)
