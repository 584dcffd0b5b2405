"""What the service takes and gives, typed; the descriptions and examples are the API's documentation."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from churn.decisions.bands import Band

Probability = Annotated[float, Field(ge=0, le=1)]
# Within the product instants are UTC without a zone; a stranger must be told.
Instant = Annotated[datetime, AfterValidator(lambda at: at.replace(tzinfo=UTC))]


_NEXT_BEST_OFFER = "The offer that a running round of a programme has for the customer; null for those it leaves alone, by choice or by chance."


class Strict(BaseModel):
    """A body we are sent: unknown keys are refused, and a number is a number."""

    model_config = ConfigDict(extra="forbid")


class Freshness(BaseModel):
    """What every answer that holds a score says of its run."""

    scored_at: Instant = Field(description="When the list was published, UTC.", examples=["2026-07-01T02:10:00Z"])
    snapshot_date: date = Field(description="The scores see facts from before this day only.", examples=["2026-07-01"])
    model_version: str = Field(examples=["20260701-020000-xgboost"])
    data_cutoff: Instant = Field(description="The newest fact that was loaded, UTC.")
    run_id: str
    is_stale: bool = Field(description="Whether a newer list should be here and is not.")
    stale_reason: str | None = None


class Reason(BaseModel):
    """One feature's part in a probability."""

    feature: str = Field(examples=["days_since_last_login"])
    value: float | str | bool | None = Field(examples=[23.0])
    points: float = Field(description="What it adds to the probability.", examples=[0.062])
    text: str = Field(examples=["no login for 23 days"])
    is_actionable: bool = Field(description="Whether one can do something about it.")


class Score(BaseModel):
    """One customer on the risk list."""

    customer_id: str = Field(examples=["C0000042"])
    churn_probability: Probability
    voluntary_probability: Probability | None = Field(
        None, description="Of canceling; with the involuntary part it adds up. Null where the causes are not known."
    )
    involuntary_probability: Probability | None = Field(None, description="Of being lost to a failed payment.")
    risk_band: Band
    percentile: float = Field(ge=0, le=100, description="Share of customers at less risk, in per cent.")
    expected_profit: float | None = Field(
        description="Of contacting the customer now on the terms of [simulation], in the configured currency; null where "
        "the model failed the gate."
    )
    value_of_save: float = Field(description="Margin at stake if the customer stays.")
    monthly_margin: float
    plan: str | None = None
    is_listed: bool = Field(description="Whether the customer is on the risk list, by band and hysteresis.")
    churn_within_30d: Probability | None = Field(
        None, description="Chance of leaving within one month; null, like all of months ahead, where nothing is known."
    )
    churn_within_90d: Probability | None = Field(None, description="Within three months.")
    churn_within_180d: Probability | None = Field(None, description="Within six months.")
    churn_within_360d: Probability | None = Field(None, description="Within twelve months.")
    months_kept: float | None = Field(
        None, description="Of the next twelve, expected if nothing is done.", examples=[9.4]
    )
    months_kept_low: float | None = Field(None, description="Lower end of its 90 % interval.")
    months_kept_high: float | None = Field(None, description="Upper end of its 90 % interval.")
    months_after_save: float | None = Field(
        None, description="Months of margin, discounted, that keeping the customer now is worth; at most 24."
    )
    previous_probability: float | None = None
    change: float | None = Field(None, description="Since the run before.")
    reasons: list[Reason] = Field(default_factory=list)
    change_reasons: list[Reason] | None = None


class Assignment(BaseModel):
    """A campaign that the customer was assigned to."""

    campaign: str
    arm: Literal["treatment", "holdout"]
    assigned_at: Instant


class Buying(BaseModel):
    """Of customers without contracts; null, all three, where there are contracts or the model did not come true."""

    alive_probability: Probability | None = Field(None, description="Chance that the customer still buys at all.")
    expected_purchases_90d: float | None = Field(
        None, description="Days with a purchase within the next 90.", examples=[1.2]
    )
    days_to_next_purchase: float | None = Field(
        None,
        description="Days within which whoever still buys does so next with a chance of one half.",
        examples=[24.5],
    )


class CustomerRisk(Score, Buying, Freshness):
    """A customer's risk with reasons, and what to do."""

    recommended_action: str | None = Field(
        None,
        description="The campaign to contact the customer with; none for those held out.",
        examples=["support_call"],
    )
    campaign_expected_profit: float | None = Field(
        None,
        description="Of contacting the customer on the terms that the file of `recommended_action` has now; null without "
        "one, where the model failed the gate, and where its SQL over features was written after the list was scored.",
    )
    next_best_offer: str | None = Field(None, description=_NEXT_BEST_OFFER, examples=["support_call"])
    campaigns: list[Assignment] = Field(default_factory=list)


class ListedScore(Score, Buying):
    """One customer on the risk list, with what a programme offers them."""

    next_best_offer: str | None = Field(None, description=_NEXT_BEST_OFFER, examples=["support_call"])


class RiskPage(Freshness):
    """A part of the risk list. Follow `next_cursor` until it is null."""

    customers: list[ListedScore]
    next_cursor: str | None = None


FeatureValue = float | str | bool | None
CustomerName = Annotated[str, Field(max_length=1_000)]


class FeatureRow(Strict):
    """Feature values of one customer, whoever it is; features left out count as unknown."""

    customer_id: CustomerName = Field("", description="Given back with the score.")
    features: dict[str, FeatureValue] = Field(
        max_length=2_000, examples=[{"days_since_last_login": 23, "number_of_payment_failures_60d": 1}]
    )


class KnownRow(Strict):
    """A customer of the current list, as if some features were different; none of them different asks how it stands."""

    customer_id: Annotated[CustomerName, Field(min_length=1, examples=["C0000042"])]
    overrides: dict[str, FeatureValue] = Field(
        max_length=2_000,
        description="What to replace. Features that say the same in another way stay as they are unless named too.",
        examples=[{"has_unpaid_bill": False, "open_payment_failures": 0}],
    )


class ScoreRequest(Strict):
    """Rows to score now."""

    rows: list[FeatureRow | KnownRow] = Field(min_length=1, max_length=1_000)
    with_reasons: bool = Field(default=False, description="Whether to explain each score.")


class OnlineScore(BaseModel):
    """A row scored now."""

    customer_id: str
    churn_probability: Probability
    voluntary_probability: Probability | None = Field(None, description="Null where the causes are not known.")
    involuntary_probability: Probability | None = None
    risk_band: Band
    reasons: list[Reason] | None = None
    probability_before: Probability | None = Field(
        None, description="Of a customer of the list, by the same model, with nothing replaced."
    )
    change: float | None = Field(None, description="What the replacements change.")


class OnlineScores(BaseModel):
    """Scores computed now, by the champion. `unknown_features` were sent but are none of the model's."""

    model_version: str
    scored_at: Instant
    snapshot_date: date = Field(description="Today; that of the list where every row is of a customer on it.")
    data_cutoff: Instant
    scores: list[OnlineScore]
    unknown_features: list[str]


class Model(BaseModel):
    """A version in the registry."""

    version: str
    kind: str
    status: Literal["challenger", "champion", "retired"]
    created_at: Instant
    reason: str = Field(description="Why it was chosen among the candidates.")
    metrics: dict[str, Any]  # free: a model has the metrics that could be computed for it


class Why(Strict):
    """Why a model is promoted or rolled back; kept in its history."""

    why: str = Field(min_length=3, max_length=500, examples=["better profit on June, paired interval above 0"])
