"""What a campaign was measured to have caused: figures, money, and the words that say them.

The effect is churn of the holdout less churn of the treated, so a positive one means customers kept. Whatever cannot be
said is None; `status` tells why.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Literal

from pydantic import Field

from churn.documents.document import Document, Range
from churn.documents.plan import BelievedRate

MeasurementStatus = Literal["measured", "not_mature", "split_broken", "no_holdout", "nobody_treated", "nothing_known"]
Verdict = Literal["works", "harms", "open"]
ContactBasis = Literal["outcomes", "assumed"]
IncentiveBasis = Literal["outcomes", "stayers", "everyone", "none"]


class ArmFigures(Document):
    """One arm: customers assigned, followed to the end of their window (`measured`), gone from the data, and lost."""

    assigned: int
    measured: int
    missing: int
    churned: int
    churn_rate: float | None
    expected_churned: float
    delivered: int
    accepted: int


class MeasuredArms(Document):
    """Both arms."""

    treatment: ArmFigures
    holdout: ArmFigures

    @property
    def customers(self) -> int:
        """How many were assigned to both together."""
        return self.treatment.assigned + self.holdout.assigned


class SampleRatio(Document):
    """Whether the arms are of the sizes they were drawn to have; a `p_value` below `threshold` says no."""

    p_value: float
    expected_share: float
    share: float
    threshold: float
    is_broken: bool


class EffectInterval(Document):
    """Churn avoided, in shares of customers, and its interval."""

    delta: float
    low: float
    high: float


class MeasuredEffect(EffectInterval):
    """An effect with its interval at `confidence`, the textbook interval beside it, and the arms it compares."""

    wald_low: float
    wald_high: float
    p_value: float
    churn_treatment: float
    churn_holdout: float
    treatment: int
    holdout: int
    confidence: float
    method: str
    is_proven: bool
    is_harmful: bool


class RiskAdjustedEffect(EffectInterval):
    """The effect after the risk that each customer had before has explained part of the noise (CUPED)."""

    variance_removed: float
    slope: float
    p_value: float
    treatment: int
    holdout: int
    confidence: float
    is_proven: bool
    is_harmful: bool


class DeliveredFigures(Document):
    """Shares of each arm that the campaign reached, and the effect on those reached; None where both were alike."""

    share_treatment: float
    share_holdout: float
    effect: MeasuredEffect | None


class PartEffect(EffectInterval):
    """The effect within a part of the customers."""

    p_value: float
    churn_treatment: float
    churn_holdout: float
    treatment: int
    holdout: int
    is_proven: bool
    is_harmful: bool


class SegmentName(Document):
    """A segment, and by what the customers were divided."""

    dimension: str
    segment: str


class SegmentEffect(PartEffect, SegmentName):
    """The effect within a segment; `p_corrected` allows for all segments looked at."""

    p_corrected: float
    is_notable: bool


class RiskCell(Document):
    """One arm of the riskier or the safer half."""

    risk: Literal["high", "low"]
    arm: Literal["treatment", "holdout"]
    customers: int
    churned: int
    churn_rate: float


class TwoByTwo(Document):
    """Churn of both halves by risk, split at `cut`, and both arms: `model` compares halves, the others compare arms."""

    cut: float
    cells: tuple[RiskCell, ...]
    model: PartEffect
    campaign_high: PartEffect
    campaign_low: PartEffect


class CampaignCosts(Document):
    """What a campaign cost. Money; `contacted` and `used` count customers.

    `contact_basis`: `outcomes` where someone told whom the campaign reached, `assumed` where all treated are taken to
    have been contacted. `incentive_basis`: `outcomes` where acceptances were told, else `stayers` (every contacted
    customer who stayed) or `everyone` (every contacted one), as the plan's profit model assumed, or `none`.
    """

    contacted: int
    contact_cost: float
    contact_basis: ContactBasis
    used: int
    incentive_cost: float
    incentive_basis: IncentiveBasis

    @property
    def spent(self) -> float:
        """Everything that was spent."""
        return self.contact_cost + self.incentive_cost


class TotalCosts(CampaignCosts):
    """The same with its sum."""

    total: float


class CostsAlone(Document):
    """All that can be said of money where there is nobody to compare with."""

    costs: CampaignCosts


class CampaignMoney(Document):
    """What the effect came to in customers and money, each with the effect's interval."""

    value_of_save: float
    saves: Range
    revenue: Range
    costs: TotalCosts
    net_profit: Range
    roi: float | None
    break_even_effect: float | None


class SaveLedger(Document):
    """What the plan expected beside what was measured, and how many of those left alone the model expected to lose."""

    expected_saves: float | None
    expected_profit: float
    holdout: int
    holdout_expected_churned: float
    holdout_churned: int
    saves: Range | None
    net_profit: Range | None
    profit_difference: float | None
    is_profit_within: bool | None
    is_saves_within: bool | None


class MeasuredFigures(Document):
    """The arithmetic's answer. `detectable`: the smallest effect that arms of this size find four times in five."""

    verdict: Verdict | None = None
    sample_ratio: SampleRatio | None = None
    effect: MeasuredEffect | None = None
    plain_effect: MeasuredEffect | None = None
    cuped: RiskAdjustedEffect | None = None
    delivered: DeliveredFigures | None = None
    money: CampaignMoney | CostsAlone | None = None
    two_by_two: TwoByTwo | None = None
    ledger: SaveLedger | None = None
    detectable: float | None = None
    status: MeasurementStatus
    arms: MeasuredArms
    segments: tuple[SegmentEffect, ...] = ()
    confidence: float

    @property
    def earned(self) -> CampaignMoney | None:
        """What the campaign earned; None where no effect could be measured."""
        return self.money if isinstance(self.money, CampaignMoney) else None

    def unjudged(self) -> MeasuredFigures:
        """Return the arms alone: before every window has closed nothing else may be said."""
        return MeasuredFigures(status="not_mature", arms=self.arms, confidence=self.confidence)


class Maturity(Document):
    """How many of the assigned customers' windows have closed; `ready_date` is when the last does, None once it has."""

    assigned: int
    mature: int
    ready_date: date | None


class ErasedArms(Document):
    """Customers of each arm who were erased since, as people may ask."""

    treatment: int = 0
    holdout: int = 0


class EventCounts(Document):
    """Outcome events: all, about somebody else, from before the assignment, and from after the window."""

    events: int
    unmatched: int
    before_assignment: int
    after_window: int


class EarlierFigures(Document):
    """What the last mature measurement of the same plans said, where data that came since changed who left."""

    measured_at: datetime
    treatment_churned: int
    holdout_churned: int
    saves: float
    net_profit: float


class MeasurementOrigin(Document):
    """What was measured, when, and on which customers."""

    campaign: str
    title: str
    measured_at: datetime
    data_cutoff: datetime
    currency: str
    is_mature: bool
    is_so_far: bool
    maturity: Maturity
    without_comparison: int = 0  # earlier measurements did not set them apart
    erased: ErasedArms = Field(default_factory=ErasedArms)  # at first nobody could be erased
    windows: tuple[int, ...]
    # Within how many days the newest plan counts who would leave, where that is not its window.
    horizon_days: int | None = Field(None, exclude_if=lambda days: days is None)
    snapshot_dates: tuple[date, date]
    plans: int
    profit_model: str
    model_version: str
    events: EventCounts


class StoryPart(Document):
    """One sentence of the story; `code` says which part it tells."""

    code: str
    sentence: str


class MeasurementWords(Document):
    """A title, a headline of a few sentences, the story part by part, and what to bear in mind."""

    title: str
    headline: str
    story: tuple[StoryPart, ...]
    notes: tuple[str, ...]


class MeasuredLevel(Document):
    """How far a model's probabilities were off on one day of the campaign (see decisions.recalibration.SeenLevel)."""

    model_version: str
    day: date
    window_days: int
    customers: int
    expected: float
    churned: int
    precision: tuple[tuple[float, ...], ...]
    shift: tuple[float, ...]


class OfferLearning(Document):
    """What the campaign taught of its offer: evidence of the numbers `keys` (see decisions.effect.Evidence).

    `effect` is what was believed of them after it and the rounds measured before; `intercept` and `slope` say how the
    probabilities had to be recalibrated, `levels` what the next plans may count with, and `basis` what that makes of the numbers.
    """

    keys: tuple[str, ...]
    precision: tuple[tuple[float, ...], ...]
    shift: tuple[float, ...]
    treated: int
    holdout: int
    rounds: int
    intercept: float
    slope: float
    effect: tuple[BelievedRate, ...]
    basis: tuple[float, ...] = Field((), exclude_if=lambda basis: not basis)
    levels: tuple[MeasuredLevel, ...] = Field((), exclude_if=lambda levels: not levels)


class Measured(MeasuredFigures, MeasurementOrigin):
    """A measurement before it is put into words; `learnt` is None where arms or their parts by cause are not known."""

    learnt: OfferLearning | None = Field(None, exclude_if=lambda learning: learning is None)
    earlier: EarlierFigures | None = Field(None, exclude_if=lambda earlier: earlier is None)

    @classmethod
    def of(
        cls,
        origin: MeasurementOrigin,
        figures: MeasuredFigures,
        learnt: OfferLearning | None = None,
        earlier: EarlierFigures | None = None,
    ) -> Measured:
        """Return the measurement that `figures` are of what `origin` tells."""
        return Measured(**dict(origin), **dict(figures), learnt=learnt, earlier=earlier)

    def moved_since(self, last: Measured) -> EarlierFigures | None:
        """Return what `last` said of the same plans, where other customers are known to have left by now; else None."""
        then = (last.arms.treatment.churned, last.arms.holdout.churned)
        now = (self.arms.treatment.churned, self.arms.holdout.churned)
        if last.earned is None or self.earned is None or then == now:
            return None
        return EarlierFigures(
            measured_at=last.measured_at,
            treatment_churned=then[0],
            holdout_churned=then[1],
            saves=last.earned.saves.value,
            net_profit=last.earned.net_profit.value,
        )

    def put_into_words(self, words: MeasurementWords, alarm: str | None) -> MeasurementDocument:
        """Return the whole document."""
        return MeasurementDocument(**dict(self), words=words, alarm=alarm)


class MeasurementDocument(Measured):
    """A measurement in figures and words; `alarm` is what to shout where the campaign drives customers away."""

    words: MeasurementWords
    alarm: str | None
