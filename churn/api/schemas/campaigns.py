"""What the service takes and gives of campaigns, typed."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from churn.api.schemas.risk import Instant, Strict
from churn.config import ProfitModel
from churn.documents.definition import Audience, CampaignFile, Crm, Holdout, OfferModel
from churn.documents.document import Document
from churn.documents.measurement import MeasurementDocument
from churn.documents.plan import PlanDocument

NAME = r"^[a-z][a-z0-9_]*$"
DayText = Annotated[str, Field(pattern=r"^\d{4}-\d{2}-\d{2}$", examples=["2026-07-01"])]


class Campaign(BaseModel):
    """A campaign in short. `error` says what is wrong with its file, everything else is null then."""

    name: str = Field(examples=["fix_payment"])
    title: str | None
    owner: str | None
    channel: str | None
    profit_model: str | None
    treatment: int = Field(description="Customers assigned to be contacted.")
    holdout: int = Field(description="Customers left alone by chance.")
    planned_at: Instant | None
    is_changed_since: bool = Field(description="Whether the file has changed since the newest plan.")
    error: str | None
    archived: date | None = Field(
        None, description="Since when it is archived; left out where it is not.", exclude_if=lambda value: value is None
    )


class ArchiveInput(BaseModel):
    """Why a campaign or programme is archived or brought back."""

    model_config = ConfigDict(extra="forbid")

    why: str | None = Field(None, max_length=500, description="Kept with this version of its file.")


class Archived(BaseModel):
    """A campaign or programme, and since when it is archived; null for one in use."""

    name: str
    archived: date | None


class CampaignInput(CampaignFile):
    """A campaign's definition: the sections of campaigns/NAME.toml, and its name."""

    model_config = ConfigDict(
        defer_build=False,  # FastAPI looks at what validates a body when the route is made
        json_schema_extra={
            "examples": [
                {
                    "name": "winback_call",
                    "campaign": {"title": "A call before they leave", "owner": "retention", "window_days": 30},
                    "audience": {"bands": ["high", "critical"], "filter": "days_since_last_login > 14"},
                    "offer": {"channel": "phone", "contact_cost": 4, "success_rate_expected": 0.4},
                    "limits": {"budget": 5000, "cooldown_days": 30},
                    "holdout": {"share": 0.1, "seed": 4},
                }
            ]
        },
    )

    name: str = Field(
        max_length=100, pattern=NAME, description="Small letters, digits and underscores.", examples=["winback_call"]
    )


class KeptRange(BaseModel):
    """A share with its 5 % and 95 % points."""

    low: float
    expected: float
    high: float


class KeptRate(KeptRange):
    """How often an offer works on one cause; `scaled_by` is a feature, or SQL over features, that scales it."""

    scaled_by: str | None = None


class KeptSuccess(BaseModel):
    """How often an offer works, by the cause of churn; null where it does not act on a cause."""

    voluntary: KeptRate | None = None
    involuntary: KeptRate | None = None


class KeptOffer(BaseModel):
    """[offer] as it is kept: money as numbers."""

    channel: str
    contact_cost: float | str = Field(description="Money one contact costs; a text is SQL over a customer's features.")
    incentive_cost: float | str = Field(description="Money one incentive costs; a text is SQL over features.")
    value_of_save: float | str | None = Field(
        default=None,
        description="Money a save is worth, null for the margin over the months; a text is SQL over features.",
    )
    success_rate_low: float = Field(description="Share of contacted churners who stay because of it: 5 % point.")
    success_rate_expected: float | str = Field(description="The same, expected; a text is SQL over features.")
    success_rate_high: float = Field(description="95 % point.")
    success: KeptSuccess | None = Field(None, description="By cause; then it stands in the place of the single rate.")
    harm: KeptRange | None = Field(None, description="Churn that contact adds, as a share of the contacted.")
    profit_model: OfferModel


class KeptLimits(BaseModel):
    """[limits] as they are kept: money as numbers, null for no limit."""

    budget: float | None
    contacts: int | None
    cooldown_days: int
    min_expected_profit: float


class KeptDefinition(BaseModel):
    """A campaign's definition as it is kept, every default filled in."""

    name: str
    title: str
    owner: str | None
    description: str | None
    window_days: int | None = Field(description="The definition's own; null for the horizon of the settings.")
    audience: Audience
    offer: KeptOffer
    limits: KeptLimits
    holdout: Holdout
    crm: Crm
    archived: date | None = Field(
        None, description="Since when it is archived; left out where it is not.", exclude_if=lambda value: value is None
    )


class DefinedCampaign(BaseModel):
    """A definition as it is kept now. Assignments made before stay as they are; the next plan goes by the new one."""

    name: str
    definition: KeptDefinition
    definition_hash: str = Field(description="Two definitions with the same hash plan the same.")
    window_days: int
    is_new: bool = Field(description="Whether there was no campaign of this name.")
    is_changed: bool = Field(description="Whether it now says something else than before.")


class PlanInShort(BaseModel):
    """A plan of a campaign; `is_same_definition` says whether the definition is still that of the plan."""

    plan_id: str
    planned_at: datetime = Field(description="UTC.")
    snapshot_date: date
    profit_model: ProfitModel
    definition_hash: str
    is_same_definition: bool


class CampaignDetails(BaseModel):
    """A campaign's definition, how many are assigned to it, and its plans, newest first."""

    name: str
    definition: KeptDefinition
    definition_hash: str = Field(description="Two definitions with the same hash plan the same.")
    window_days: int = Field(description="Days after the plan's date, by the end of which the outcome is judged.")
    treatment: int = Field(description="Customers assigned to be contacted.")
    holdout: int = Field(description="Customers left alone by chance.")
    plans: list[PlanInShort]


class _PlanKey(Document):
    plan_id: str
    planned_at: datetime
    snapshot_date: date


class NewestPlan(PlanDocument, _PlanKey):
    """The newest plan of a campaign, which may share it with others: what was decided and what it is expected to bring."""


class _MeasurementKey(Document):
    measurement_id: int


class CampaignResults(MeasurementDocument, _MeasurementKey):
    """The newest measurement of a campaign: what it caused, in figures and words."""

    measured_at: Instant
    data_cutoff: Instant


class PlanInput(Strict):
    """What a plan is to go by; an empty body plans within the definition's own limits, on the newest scores."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"budget": 5000}]})

    budget: float | None = Field(
        None, gt=0, le=1e12, allow_inf_nan=False, description="Money for this plan, in the configured currency."
    )
    date: DayText | None = Field(None, description="Snapshot date, YYYY-MM-DD; the newest if left out.")


class SyncInput(Strict):
    """Where a campaign is to be pushed to."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"connector": "file", "dry_run": True}]})

    connector: str | None = Field(
        None, max_length=100, description="A connector of churn.toml; the campaign's own if left out."
    )
    dry_run: bool = Field(default=False, description="Only say what would be written.")


class AssignedCustomer(BaseModel):
    """A customer of a campaign, and what was known when the arm was drawn."""

    customer_id: str
    arm: Literal["treatment", "holdout"]
    plan_id: str
    stratum: str
    snapshot_date: date
    assigned_at: Instant
    churn_probability: float
    risk_band: str
    percentile: float | None
    expected_profit: float
    expected_uplift: float | None
    value_of_save: float
    contact_cost: float
    incentive_cost: float


class Assignments(BaseModel):
    """A page of a campaign's customers. Follow `next_cursor` until it is null."""

    campaign: str
    assignments: list[AssignedCustomer]
    next_cursor: str | None


class Outcome(Strict):
    """Something that happened to a customer of a campaign."""

    customer_id: str = Field(min_length=1, max_length=200, examples=["C0000042"])
    campaign: str = Field(max_length=100, examples=["fix_payment"])
    event_id: str = Field(min_length=1, max_length=200, description="Unique at the sender: it counts once.")
    kind: Literal["contacted", "delivered", "accepted", "declined", "canceled", "unsubscribed", "lost", "won"]
    occurred_at: AwareDatetime = Field(examples=["2026-07-03T09:30:00Z"])


class OutcomeBatch(Strict):
    """Up to 1,000 events."""

    events: list[Outcome] = Field(min_length=1, max_length=1_000)


class RefusedOutcome(BaseModel):
    """An event that could not be taken, and why."""

    row_number: int | None = Field(description="Its place among the events sent, from 1.")
    customer_id: str | None
    campaign: str | None
    event_id: str | None
    reason: str


class Taken(BaseModel):
    """What became of the events: read = new + known + rejected. `unmatched` and `before_assignment` are kept, not counted."""

    read: int
    new: int
    known: int
    rejected: int
    unmatched: int
    before_assignment: int
    reasons: dict[str, int]
    examples: list[RefusedOutcome] = Field(description="The first rejected events, with the reason.")
