"""What a campaign is: one offer to an audience, its limits, its holdout, and what the CRM is told; typed and frozen."""

from __future__ import annotations

import hashlib
import json
from datetime import date
from decimal import Decimal
from typing import Annotated, Final, Literal, Self, get_args

from pydantic import Discriminator, Field, PlainSerializer, Tag, field_validator, model_validator

from churn.config import ChurnSettings, ProfitModel, Share
from churn.config.formulas import NUMBER, Formula, FormulaText, TermName, kind_of
from churn.decisions.bands import Band
from churn.documents.document import Document

OfferModel = Literal["case_study", "incentive", "uplift", "auto"]
# In JSON money is a number, exact to four decimals.
_AsNumber = PlainSerializer(float, return_type=float, when_used="json")
Amount = Annotated[Decimal, Field(ge=0, max_digits=15, decimal_places=4, allow_inf_nan=False), _AsNumber]
AmountOrFormula = Annotated[Annotated[Amount, Tag(NUMBER)] | FormulaText, Discriminator(kind_of)]
ShareOrFormula = Annotated[Annotated[Share, Tag(NUMBER)] | FormulaText, Discriminator(kind_of)]
Limit = Annotated[Decimal, Field(gt=0, max_digits=15, decimal_places=4, allow_inf_nan=False), _AsNumber]

# What we can tell a CRM about a customer, in our words.
CRM_FIELDS: Final = (
    "churn_probability",
    "risk_band",
    "percentile",
    "expected_profit",
    "churn_within_90d",
    "churn_within_180d",
    "churn_within_360d",
    "months_kept",
    "reasons",
    "reason_codes",
    "recommended_action",
    "next_best_offer",
    "campaign",
    "model_version",
    "scored_at",
    "run_id",
    "snapshot_date",
    "email_sha256",
)


class Audience(Document):
    """[audience]: who the campaign is for; whoever meets all of it."""

    bands: tuple[Band, ...] = Field(get_args(Band), description="Risk bands.")
    min_probability: Share = Field(0.0, description="Lowest churn probability.")
    max_probability: Share = Field(1.0, description="Highest churn probability.")
    filter: str | None = Field(None, description="SQL condition over features, such as `has_unpaid_bill`.")
    customer_list: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]*$", max_length=120)] | None = Field(
        None,
        description="Only the customers of this list: campaigns/lists/NAME.csv.",
        exclude_if=lambda value: value is None,  # a campaign without it keeps the hash that it was planned with
    )
    requires_consent: bool = Field(
        default=True, description="Only those who agreed to marketing. An objection always counts."
    )
    skip_open_tickets: bool = Field(default=False, description="Leave alone whoever waits for an answer from support.")

    @field_validator("bands")
    @classmethod
    def _some(cls, bands: tuple[Band, ...]) -> tuple[Band, ...]:
        if not bands:
            raise ValueError("name at least one band")
        return tuple(band for band in get_args(Band) if band in bands)  # in our order, so that the hash is one

    @model_validator(mode="after")
    def _range(self) -> Self:
        if self.min_probability > self.max_probability:
            raise ValueError("min_probability is above max_probability: nobody is in between")
        return self


class RateRange(Document):
    """How often an offer keeps those who would leave for one cause: 5 % point, expected, 95 % point."""

    low: Share = Field(description="5 % point.")
    expected: Share = Field(description="Expected share of them who stay because of the offer.")
    high: Share = Field(description="95 % point.")
    scaled_by: Formula | None = Field(
        None,
        description="A feature, or SQL over features, that scales the rate: 1 leaves it as it is, 0 means no effect.",
        exclude_if=lambda value: value is None,
    )

    @model_validator(mode="after")
    def _rising(self) -> Self:
        if not self.low <= self.expected <= self.high:
            raise ValueError("rates must rise: low <= expected <= high")
        return self


class CauseRates(Document):
    """[offer.success]: how often the offer works, by the cause of churn; a cause left out is not acted on."""

    voluntary: RateRange | None = Field(
        None, description="Of those who would cancel.", exclude_if=lambda value: value is None
    )
    involuntary: RateRange | None = Field(
        None, description="Of those lost to a failed payment.", exclude_if=lambda value: value is None
    )

    @model_validator(mode="after")
    def _some(self) -> Self:
        if self.voluntary is None and self.involuntary is None:
            raise ValueError("state a rate for voluntary or involuntary churn")
        return self


class HarmRange(Document):
    """[offer.harm]: churn that contact adds, as a share of the contacted; 0.001 is a tenth of a point."""

    low: Share = Field(0.0, description="5 % point.")
    expected: Share = Field(0.001, description="Expected share of the contacted whom contact drives away.")
    high: Share = Field(0.003, description="95 % point.")

    @model_validator(mode="after")
    def _rising(self) -> Self:
        if not self.low <= self.expected <= self.high:
            raise ValueError("harm must rise: low <= expected <= high")
        return self


class Offer(Document):
    """[offer]: what customers are offered, what that costs, and how often it works."""

    channel: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")] = Field("email", description="How they are reached.")
    contact_cost: AmountOrFormula = Field(Decimal(2), description="Money one contact costs.")
    incentive_cost: AmountOrFormula = Field(Decimal(0), description="Money one incentive costs.")
    value_of_save: AmountOrFormula | None = Field(
        None,
        description="Money a save is worth; that of [simulation] if left out, else margin over [business] value_months.",
        exclude_if=lambda value: value is None,  # a campaign without it keeps the hash that it was planned with
    )
    success_rate_low: Share = Field(0.25, description="Share of contacted churners who stay because of it: 5 % point.")
    success_rate_expected: ShareOrFormula = Field(0.40, description="The same, expected.")
    success_rate_high: Share = Field(0.55, description="The same, 95 % point.")
    success: CauseRates | None = Field(
        None,
        description="Success by cause; takes the place of the single success rate.",
        exclude_if=lambda value: value is None,
    )
    harm: HarmRange | None = Field(
        None,
        description="Churn that contact adds; 0.1 points (0 to 0.3) if left out beside [offer.success].",
        exclude_if=lambda value: value is None,
    )
    profit_model: OfferModel = Field("auto", description="case_study, incentive, uplift, or auto.")

    @model_validator(mode="after")
    def _rising(self) -> Self:
        expected = self.success_rate_expected
        if isinstance(expected, str):  # by customer: the range holds for their mean
            expected = self.success_rate_low
        if not self.success_rate_low <= expected <= self.success_rate_high:
            raise ValueError("success rates must rise: success_rate_low <= success_rate_expected <= success_rate_high")
        return self

    @property
    def harm_range(self) -> HarmRange | None:
        """The churn that contact adds: as stated, by default a little where success is stated by cause, else not counted."""
        return HarmRange() if self.harm is None and self.success is not None else self.harm

    @property
    def risk_based_model(self) -> ProfitModel:
        """The profit model that needs no measured campaign: `incentive` where stayers could take one."""
        if self.profit_model in {"case_study", "incentive"}:
            return self.profit_model
        return "incentive" if self.incentive_cost else "case_study"

    @property
    def formulas(self) -> dict[TermName, str]:
        """The terms that are SQL over a customer's features, by the name they have in `CustomerTerms`."""
        terms: dict[TermName, Decimal | float | str | None] = {
            "contact_cost": self.contact_cost,
            "incentive_cost": self.incentive_cost,
            "success_rate": self.success_rate_expected,
            "value_of_save": self.value_of_save,
        }
        if self.success is not None:
            terms["voluntary_modifier"] = self.success.voluntary.scaled_by if self.success.voluntary else None
            terms["involuntary_modifier"] = self.success.involuntary.scaled_by if self.success.involuntary else None
        return {name: term for name, term in terms.items() if isinstance(term, str)}


class Limits(Document):
    """[limits]: how far the campaign may go, over all its plans."""

    budget: Limit | None = Field(None, description="Money for contacts and incentives; no limit if left out.")
    contacts: Annotated[int, Field(gt=0)] | None = Field(None, description="Contacts; no limit if left out.")
    cooldown_days: Annotated[int, Field(ge=0, le=3650)] = Field(30, description="Days since anyone contacted them.")
    min_expected_profit: Amount = Field(Decimal(0), description="Only customers who are expected to earn more.")


class Holdout(Document):
    """[holdout]: the share left alone by chance, so that the effect can be measured."""

    share: Annotated[float, Field(ge=0, lt=1)] = Field(0.1, description="Share of those chosen who are left alone.")
    seed: int = Field(1, description="Changes who they are; leave it as it is.")


class Crm(Document):
    """[crm]: where the campaign is pushed to, and under which names."""

    connector: str | None = Field(None, description="A section [connectors.NAME] of churn.toml.")
    mode: Literal["update", "upsert", "insert", "mirror"] = Field("update", description="What may be written.")
    fields: dict[str, str] = Field(default_factory=dict, description="Ours = theirs.")
    on_leave: Literal["nothing", "clear", "band_none"] = Field("nothing", description="When someone leaves the list.")


class Heading(Document):
    """[campaign]: what it is called, whose it is, and how long its outcome is waited for."""

    title: str = Field(
        min_length=1, max_length=200, description="What people call it; shown as the recommended action."
    )
    owner: str | None = Field(None, description="Who answers for it.")
    description: str | None = Field(None, description="What is offered, in a sentence.")
    window_days: Annotated[int, Field(ge=1, le=730)] | None = Field(
        None, description="Days after which the outcome is judged; [churn] horizon_days if left out."
    )
    archived: date | None = Field(
        None,
        description="The day since when it is archived: hidden, and neither planned nor pushed.",
        exclude_if=lambda value: value is None,
    )


class CampaignFile(Document):
    """The sections of campaigns/NAME.toml."""

    campaign: Heading
    audience: Audience = Field(default_factory=Audience)
    offer: Offer = Field(default_factory=Offer)
    limits: Limits = Field(default_factory=Limits)
    holdout: Holdout = Field(default_factory=Holdout)
    crm: Crm = Field(default_factory=Crm)


class CampaignDefinition(Document):
    """One campaign; `name` is its file's. Two definitions with the same `hash` plan the same."""

    name: str
    title: str
    owner: str | None
    description: str | None
    window_days: int | None
    audience: Audience
    offer: Offer
    limits: Limits
    holdout: Holdout
    crm: Crm
    archived: date | None = Field(None, exclude_if=lambda value: value is None)

    @classmethod
    def of(cls, name: str, file: CampaignFile) -> CampaignDefinition:
        """Return the definition that `file` makes under `name`."""
        return cls(
            name=name,
            title=file.campaign.title,
            owner=file.campaign.owner,
            description=file.campaign.description,
            window_days=file.campaign.window_days,
            audience=file.audience,
            offer=file.offer,
            limits=file.limits,
            holdout=file.holdout,
            crm=file.crm,
            archived=file.campaign.archived,
        )

    @property
    def hash(self) -> str:
        """SHA-256 of the canonical JSON: another hash, another campaign, however the file is laid out, archived or not."""
        text = json.dumps(
            self.model_copy(update={"archived": None}).as_json(),
            sort_keys=True,
            separators=(",", ":"),
            ensure_ascii=True,
        )
        return hashlib.sha256(text.encode()).hexdigest()

    def window(self, churn: ChurnSettings) -> int:
        """Return the days of the outcome window: the campaign's own, or the horizon of [churn].

        Where silence counts as churn it is the days of silence, whatever the campaign says: before they are over nobody
        can be said to have churned.
        """
        if churn.definition == "inactivity":
            return churn.inactivity_days
        return self.window_days or churn.horizon_days

    def other_horizon(self, churn: ChurnSettings) -> int | None:
        """Return the days that probabilities speak of where the outcome window has another length; else None."""
        horizon = churn.inactivity_days if churn.definition == "inactivity" else churn.horizon_days
        return None if horizon == self.window(churn) else horizon
