"""The model card: what was learnt from which data, how well, why this model, and what to know before trusting it.

Cards of other versions of churn stay readable: what they lack has a default, and what they hold beyond is kept as it is.
"""

from __future__ import annotations

from datetime import date

from pydantic import Field, JsonValue

from churn.decisions.calibration import SLOPE_LIMITS
from churn.decisions.choices import ProfitModel
from churn.decisions.fairness import GroupTreatment
from churn.decisions.profit import Economics
from churn.documents.candidate_figures import CandidateFigures, CardPart
from churn.documents.document import Defined
from churn.documents.lifetime import LifetimeVerdict
from churn.documents.own_columns import OwnColumn


def _is_unset(value: object) -> bool:
    return not value


def _is_none(value: object) -> bool:
    return value is None


def _is_whole(share: object) -> bool:
    return share == 1.0


class SliceSummary(CardPart):
    """Rows of one slice of the split, and the snapshot dates they are of."""

    slice: str
    rows: int
    churners: int
    first_date: date | None
    last_date: date | None
    snapshots: int


class LearntPolicy(CardPart):
    """The snapshot policy that the labels followed; see snapshots.policy."""

    definition: str
    dated_by: str
    horizon_days: int
    lead_days: int
    grace_days: int
    inactivity_days: int
    activity_table: str
    margin_rate: float
    default_monthly_fee: float
    every: str
    snapshots: int
    told_by: str = Field("subscriptions", exclude_if=lambda source: source == "subscriptions")
    excluded_plans: tuple[str, ...] = Field((), exclude_if=_is_unset)
    excludes_free: bool = Field(default=False, exclude_if=_is_unset)
    static: tuple[str, ...] = Field((), exclude_if=_is_unset)


class CalibrationVerdict(CardPart):
    """How the chosen model was calibrated, and whether its probabilities passed the gate on the test rows."""

    method: str
    is_passed: bool
    slope: Defined
    mean_gap: Defined
    base_rate: float
    reasons: tuple[str, ...]
    ece_bins: int


class CauseBin(CardPart):
    """Test rows of like probability: what was expected of them, and what became of them."""

    expected: float
    observed: float
    customers: int


class CauseCalibration(CardPart):
    """How well the probability of one cause holds on the test rows; `churners` are those of all labelled rows."""

    churners: int
    base_rate: float
    is_passed: bool
    slope: Defined
    mean_gap: Defined
    reasons: tuple[str, ...]
    table: tuple[CauseBin, ...]


class CausesOnCard(CardPart):
    """The probability by cause: which share of churn is involuntary, and the verdict on either cause.

    `why_constant` says why everybody was given the same share, None where customers are told apart. `is_better_than_usual`: on the
    test rows' churners that tells the causes apart reliably better than the usual share for everybody; None on older cards.
    """

    involuntary_share: float
    why_constant: str | None
    voluntary: CauseCalibration
    involuntary: CauseCalibration
    is_better_than_usual: bool | None = Field(None, exclude_if=lambda better: better is None)

    @property
    def is_passed(self) -> bool:
        """Whether both causes' probabilities passed the gate."""
        return self.voluntary.is_passed and self.involuntary.is_passed

    @property
    def is_published(self) -> bool:
        """Whether the probabilities by cause are published.

        A month with a third fewer failed payments is no reason to take everybody's churn for equally involuntary: where
        only the level of a cause is off, they are, if the causes are told apart better than by the usual share.
        """
        slopes = (self.voluntary.slope, self.involuntary.slope)
        is_level_alone = all(slope is not None and SLOPE_LIMITS[0] <= slope <= SLOPE_LIMITS[1] for slope in slopes)
        return self.is_passed or (is_level_alone and bool(self.is_better_than_usual))

    @property
    def sentence(self) -> str:
        """What was learnt, in a sentence or two."""
        how = (
            f"Everybody is given this share, for {self.why_constant}."
            if self.why_constant
            else "The share of each customer is learnt among churners and calibrated out of fold."
        )
        gate = ""
        if not self.is_passed and self.is_published:
            gate = (
                " The level of a cause is off on the test rows; the shares tell the causes apart better than the usual share for "
                "everybody would, so probabilities by cause are published."
            )
        elif not self.is_passed:
            gate = " The gate of a cause is not passed, so probabilities by cause are not published."
        return f"{self.involuntary_share:.0%} of churn is involuntary (a payment that failed). {how}{gate}"


class FairnessSlice(CardPart):
    """How the chosen model treats the groups of one attribute, on the test rows at its threshold."""

    by: str
    title: str
    groups: tuple[GroupTreatment, ...]
    is_below: bool
    sentence: str


class OfferTerms(CardPart):
    """The terms that money was counted at; see decisions.profit.Economics."""

    profit_model: ProfitModel
    contact_cost: float
    incentive_cost: float
    success_rate: float
    success_rate_low: float
    success_rate_high: float
    value_months: int | float
    hazard_after_save: float
    discount_rate: float
    offer_use: float = 1.0
    save_value: float | None = Field(None, exclude_if=lambda value: value is None)

    def economics(self) -> Economics:
        """Return the terms as the arithmetic of profit takes them."""
        return Economics(
            profit_model=self.profit_model,
            contact_cost=self.contact_cost,
            incentive_cost=self.incentive_cost,
            success_rate=self.success_rate,
            success_rate_low=self.success_rate_low,
            success_rate_high=self.success_rate_high,
            value_months=self.value_months,
            hazard_after_save=self.hazard_after_save,
            discount_rate=self.discount_rate,
            offer_use=self.offer_use,
            save_value=self.save_value,
        )


class SegmentRanking(CardPart):
    """How well the chosen model ranks within one segment of the test rows."""

    segment: str
    rows: int
    churners: int
    auc: float
    auc_interval: tuple[float, float]


class WithinSegments(CardPart):
    """The model's AUC over all test rows (`headline`), of the segment's churn rate `alone`, and on average `within`.

    `is_segments_doing` is true where the segment alone gives nearly the headline and the model much less within it.
    """

    feature: str
    segments: tuple[SegmentRanking, ...]
    headline: float
    alone: float
    within: float
    is_segments_doing: bool
    sentence: str


class LeakageFinding(CardPart):
    """What the leakage scan saw in one feature. `auc` is that of the feature alone, 0.5 to 1."""

    feature: str
    auc: float
    note: str


class LearntFeature(CardPart):
    """A feature that the model was given; `is_used` is false where it told nothing in training."""

    name: str
    group: str
    description: str
    is_actionable: bool
    is_used: bool


class TuningRecord(CardPart):
    """The minutes that tuning was given, and the candidates whose search the clock ended early."""

    minutes: float
    cut_short: tuple[str, ...]


class SettingsRecord(CardPart):
    """[training] and [selection] as they stood; nothing reads them but people."""

    training: dict[str, JsonValue]
    selection: dict[str, JsonValue]


class ModelCard(CardPart):
    """The card of one trained model. `selected` names the candidate that serves, one of `candidates`.

    `better_rule` is the rule of thumb that does as well as it, None where it beats them all. `served_rows` is how many
    rows the model that serves was fitted on after the contest, None in a card of a version that did not fit it again.
    `customers_share` of the company's customers were taken, of whom all counts and figures are; 1.0 for all.
    `reasons` says how those of a model made elsewhere come about, and how sure they are.
    """

    selected: str
    reason: str
    has_signal: bool
    better_rule: str | None = Field(None, exclude_if=_is_none)
    served_rows: int | None = Field(None, exclude_if=_is_none)
    reasons: str | None = Field(None, exclude_if=_is_none)
    fingerprint: str
    split: str
    split_description: str
    slices: tuple[SliceSummary, ...]
    customers_share: float = Field(1.0, exclude_if=_is_whole)
    counts: dict[str, int]
    policy: LearntPolicy
    candidates: tuple[CandidateFigures, ...]
    calibration: CalibrationVerdict
    threshold: Defined
    fairness: tuple[FairnessSlice, ...] = ()
    within: WithinSegments | None = Field(None, exclude_if=_is_none)
    causes: CausesOnCard | None = Field(None, exclude_if=_is_none)
    lifetime: LifetimeVerdict | None = Field(None, exclude_if=_is_none)
    economics: OfferTerms
    leakage_scan: tuple[LeakageFinding, ...]
    features: tuple[LearntFeature, ...]
    excluded_features: tuple[str, ...]
    own_columns: tuple[OwnColumn, ...] = Field((), exclude_if=_is_unset)
    tuning: TuningRecord
    settings: SettingsRecord
    seed: int
    versions: dict[str, str]

    @property
    def may_serve(self) -> bool:
        """Whether it learnt something that no rule of thumb tells: only then it may be promoted."""
        return self.has_signal and self.better_rule is None

    @property
    def shown(self) -> ModelCard:
        """What may be shown of it: no profit of anybody where the chosen model's probabilities failed the gate."""
        if self.calibration.is_passed:
            return self
        return self.model_copy(update={"candidates": tuple(row.without_money() for row in self.candidates)})

    @property
    def chosen(self) -> CandidateFigures:
        """The figures of the candidate that serves."""
        return next(candidate for candidate in self.candidates if candidate.name == self.selected)

    def slice(self, name: str) -> SliceSummary | None:
        """Return the slice called `name`; None where the card has none."""
        return next((part for part in self.slices if part.slice == name), None)
