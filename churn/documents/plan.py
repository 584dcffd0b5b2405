"""What a plan of campaigns decided and what it expects: the same on a terminal, as JSON, in the store and on the page.

Money in cents, shares in 0..1; None where there is none.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Self

from pydantic import ConfigDict, Field

from churn.config import BusinessSettings, CampaignSettings, ProfitModel
from churn.documents.document import Document


class AcceptedAlarm(Document):
    """A harm alarm that was open and that the plan went past on request."""

    campaign: str
    message: str
    raised_at: datetime


class PlanCalibration(Document):
    """Whether the probabilities passed the gate, and why not where they were used on request."""

    is_passed: bool
    is_overridden: bool
    reasons: tuple[str, ...]


class SuccessRates(Document):
    """The share of contacted churners who stay because of the contact: 5 % point, expected, 95 % point."""

    low: float
    expected: float
    high: float


class BelievedRate(Document):
    """A number of an offer: what is believed of it with the 90 % range, and what the file says.

    `acts_on`: voluntary, involuntary, all (churn of any cause), or harm, the churn that contact adds. `rounds`: how many
    measured plans it was learnt from; with 0 the file alone is believed.
    """

    acts_on: str
    scaled_by: str | None
    expected: float
    low: float
    high: float
    file_expected: float
    file_low: float
    file_high: float
    rounds: int


class EarlierAssignments(Document):
    """Who was assigned by earlier plans of a campaign, as of which days, and the money committed to them."""

    treatment: int
    holdout: int
    committed: float
    snapshot_dates: tuple[date, ...]

    @property
    def customers(self) -> int:
        """Both arms together."""
        return self.treatment + self.holdout


class ProfitInterval(Document):
    """The 5 %, 50 % and 95 % points of a profit."""

    low: float
    median: float
    high: float


class ReturnInterval(Document):
    """The 5 % and 95 % points of a return on spend."""

    low: float
    high: float


class PlanExpectation(Document):
    """What contacting is expected to cost and bring, with the 90 % range of the profit."""

    contacts: int
    cost: float
    committed: float
    saves: float
    value: float
    profit: float
    profit_interval: ProfitInterval
    roi: float | None
    roi_interval: ReturnInterval | None
    loss_probability: float


class CampaignPlan(Document):
    """One campaign's part of a plan: its terms, how many were chosen, and what they are expected to bring."""

    name: str
    title: str
    plan_id: str
    definition_hash: str
    channel: str
    window_days: int
    profit_model: ProfitModel
    profit_model_description: str
    is_uplift_measured: bool
    contact_cost: float
    incentive_cost: float
    success_rate: SuccessRates
    effect: tuple[BelievedRate, ...] = Field((), exclude_if=lambda rates: not rates)
    eligible: int
    chosen: int
    treatment: int
    holdout: int
    earlier: EarlierAssignments
    expected: PlanExpectation


class RuleCount(Document):
    """How many customers a rule of eligibility was the first to leave out of a campaign, and how many remain after it."""

    campaign: str
    rule: str
    label: str
    removed: int
    remaining: int


class PlanAllocation(Document):
    """How the budget was spent: what earlier plans took, what this one commits, and how near it is to the best."""

    budget: float | None
    budget_used_before: float
    committed: float
    chosen: int
    contacts: int
    profit: float
    bound: float
    gap: float


class CampaignShadowPrices(Document):
    """What one more contact of a campaign, or one more unit of its own budget, would earn."""

    campaign: str
    per_contact: float
    per_unit_of_budget: float


class ChannelShadowPrice(Document):
    """What one more contact by a channel would earn, and how many it had left before this plan."""

    channel: str
    per_contact: float
    left: float


class ShadowPrices(Document):
    """What one more unit of each limit would earn; 0 where it does not bind."""

    budget_per_unit: float
    next_thousand: float
    campaigns: tuple[CampaignShadowPrices, ...]
    channels: tuple[ChannelShadowPrice, ...]


class StratumArms(Document):
    """Customers of one stratum in each arm."""

    stratum: str
    treatment: int
    holdout: int


class PlannedHoldout(Document):
    """Who is left alone, earlier plans included, and the profit that this forgoes."""

    share: float
    seed: int
    treatment: int
    holdout: int
    new_treatment: int
    new_holdout: int
    profit_forgone: float
    strata: tuple[StratumArms, ...]

    @property
    def customers(self) -> int:
        """Both arms together."""
        return self.treatment + self.holdout


class PlannedPower(Document):
    """What effect the arms will show, and with what chance the expected one."""

    churn_rate: float
    expected_effect: float
    minimum_detectable_effect: float | None
    power: float
    half_width: float | None
    profit_half_width: float | None
    customers_needed: int | None
    alpha: float
    wanted_power: float
    window_days: int


class PlanDocument(Document):
    """One plan of one or several campaigns together. `holdout` and `power` are by campaign."""

    planned_at: datetime
    is_dry_run: bool
    stands_since: datetime | None = None  # the first plans were made anew every time
    currency: str
    snapshot_date: date
    model_version: str
    run_id: str | None
    scored_at: datetime | None
    data_cutoff: datetime | None
    stale_reason: str | None
    alarms: tuple[AcceptedAlarm, ...] = ()  # the first plans did not look for alarms
    calibration: PlanCalibration
    customers: int
    campaigns: tuple[CampaignPlan, ...]
    eligibility: tuple[RuleCount, ...]
    allocation: PlanAllocation
    shadow_prices: ShadowPrices
    holdout: dict[str, PlannedHoldout]
    power: dict[str, PlannedPower]
    expected: PlanExpectation
    file: str | None = None
    sentences: tuple[str, ...] = ()

    def campaign(self, name: str) -> CampaignPlan | None:
        """Return the part of one campaign; None where the plan was not of it."""
        return next((part for part in self.campaigns if part.name == name), None)

    def with_sentences(self, sentences: tuple[str, ...]) -> Self:
        """Return the plan said in words."""
        return self.model_copy(update={"sentences": sentences})

    def written_to(self, file: str) -> Self:
        """Return the plan whose assignments were written to `file`."""
        return self.model_copy(update={"file": file})


class PlanInputs(Document):
    """What a plan depends on besides scores and definition: the same inputs make the same plan.

    The first plans kept no settings, and other things that are not needed any more.
    """

    model_config = ConfigDict(extra="ignore")

    campaigns: tuple[str, ...]
    budget: float | None
    despite_alarm: bool = False
    learnt: str = Field("", exclude_if=lambda digest: not digest)  # digest of what measurements taught of the offer
    rules: CampaignSettings | None = None
    business: BusinessSettings | None = None
    window_days: int
    # Of the probabilities, where the window is of another length; plans made before this was kept do not say.
    horizon_days: int | None = Field(None, exclude_if=lambda days: days is None)
    programme: str | None = Field(None, exclude_if=lambda name: name is None)  # whose round the assignments are of
    round: int | None = Field(None, exclude_if=lambda number: number is None)
    leave_alone: float | None = Field(None, exclude_if=lambda share: share is None)  # part of its random slice
