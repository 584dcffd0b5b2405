"""What the monthly report knows of one month: the facts that its page shows and that lie beside it as JSON.

A part is None, or empty, where nothing is known: the report then says why. Shares are 0..1, money is in `currency`.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Literal

from pydantic import ConfigDict, Field, PlainSerializer

from churn.decisions.bands import Band
from churn.decisions.choices import ProfitModel
from churn.documents.campaign_profit import BroughtProfit, PromisedProfit, SavedProfit
from churn.documents.candidate_figures import CandidateFigures
from churn.documents.churn_month import ChurnMonth
from churn.documents.document import Document, Range
from churn.documents.exploration import InsightsDocument
from churn.documents.measurement import EffectInterval
from churn.documents.model_figures import CalibrationBin
from churn.documents.monitoring import MonitoringDocument
from churn.documents.quality import QualityDocument
from churn.documents.simulation import Number, SimulatedInterval


def _to_the_second(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds")


Instant = Annotated[datetime, PlainSerializer(_to_the_second, return_type=str, when_used="json")]


class TrendMonth(ChurnMonth):
    """A month of the trend; a column that a user's own `marts.churn_by_month` has beyond is kept."""

    model_config = ConfigDict(extra="allow")


class ChurnFacts(Document):
    """The month beside the one before and the same a year before; `trend` begins with the oldest month.

    `gap` is the month's rate less the target. `excess_revenue` is the monthly revenue lost beyond what the target would
    have cost; 0 where the target is met.
    """

    now: TrendMonth
    before: TrendMonth | None
    year_before: TrendMonth | None
    gap: float
    excess_revenue: float
    trend: tuple[TrendMonth, ...]


class CohortAge(Document):
    """Of the customers who joined in one month, how many had not been lost after so many whole months."""

    cohort_month: date
    months_since: int
    customers: int
    retained: int


class BandFacts(Document):
    """The customers of one risk band; `before` counts those of the run compared with, None where there is none.

    `expected_profit` is None where the model's probabilities failed the calibration gate.
    """

    band: Band
    customers: int
    expected_churners: float
    expected_profit: float | None
    before: int | None


class BandAhead(Document):
    """The customers of one band, on average.

    Chances of leaving within 3, 6 and 12 months, months kept of the next twelve, months of margin that a save keeps.
    """

    band: Band
    customers: int
    within_90d: float
    within_180d: float
    within_360d: float
    months_kept: float
    months_after_save: float


class AheadFacts(Document):
    """The months ahead of all customers, on average, and by band."""

    within_90d: float
    within_360d: float
    months_kept: float
    bands: tuple[BandAhead, ...]


class FirstReason(Document):
    """A feature that is the first reason of listed customers: of how many, and of which share of the list."""

    feature: str
    is_actionable: bool
    customers: int
    share: float


class RiskFacts(Document):
    """One score run in figures; `compared_with` is the date of the run of about a month before."""

    snapshot_date: date
    compared_with: date | None
    model_version: str
    run_id: str
    customers: int
    expected_churners: float
    listed: int
    bands: tuple[BandFacts, ...]
    reasons: tuple[FirstReason, ...]
    ahead: AheadFacts | None = None


class ReportedCampaign(Document):
    """A campaign: customers by arm, what its plans promised, and what was measured.

    `no_verdict`: its outcomes are in, and nothing can be compared with them, as where nobody was held out.
    """

    name: str
    title: str
    treatment: int
    holdout: int
    expected: PromisedProfit | None
    realised: BroughtProfit | None
    stage: Literal["measured", "running", "no_verdict"]


class ReportedOffer(Document):
    """An offer of a programme over its approved rounds: whom it reached, and what the measured ones say it does and brought."""

    title: str
    contacted: int
    holdout: int
    effect: EffectInterval | None
    net_profit: Range | None
    is_off: bool


class ReportedProgramme(Document):
    """A programme: its approved rounds together, money committed, promised and measured, and each offer."""

    name: str
    title: str
    rounds: int
    contacted: int
    committed: float
    slice_cost: float
    promised: float
    net_profit: Range | None
    offers: tuple[ReportedOffer, ...]


class LedgerPromise(Document):
    """The profit that the plans of a month expected; their ranges are added."""

    profit: float
    low: float
    high: float


class LedgerMonth(Document):
    """What plans of one month promised and kept; `waiting` counts the campaigns that are not measured yet.

    `first` and `last` are months; they differ where plans of several months were measured together.
    """

    first: date
    last: date
    campaigns: int
    treatment: int
    holdout: int
    promised: LedgerPromise | None
    measured: Range | None
    waiting: int


class NoFigures(Document):
    """The figures of a model of which the registry keeps none."""


class ModelFacts(Document):
    """The model that served; `features` are described by name, `error` says why its bundle cannot be read."""

    version: str
    kind: str
    created_at: Instant
    metrics: CandidateFigures | NoFigures
    calibration: tuple[CalibrationBin, ...] | None
    features: dict[str, str]
    error: str | None


class NightFacts(Document):
    """How many nightly jobs of the month were done, and the dates of those that failed or were missed."""

    done: int
    failed: tuple[date, ...]


class KnownDecision(Document):
    """What contacting the best customers now is expected to bring; None as in SimulationDocument."""

    is_known: Literal[True] = True
    contacts: Number
    threshold: Number | None
    cost: Number
    net_profit: Number
    net_profit_interval: SimulatedInterval
    loss_probability: Number
    profit_model: ProfitModel
    success_rate: Number
    contact_cost: Number
    run_snapshot_date: date | None
    recommended: int | None = Field(None, description="Whom it would pay to contact, if all of them could be.")
    left_out: int | None = Field(None, description="How many of these may not be contacted now.")


class UnknownDecision(Document):
    """Why nothing is recommended: `past` where nobody wrote down what was recommended then."""

    is_known: Literal[False] = False
    code: Literal["not_calibrated", "nothing_scored", "past"]
    why: str


Decision = KnownDecision | UnknownDecision


class MonthHistory(Document):
    """What the warehouse knows of the month, now or later.

    `known_until` is the last day of what counts as known for a past month, None for the newest.
    """

    month: str
    first_day: date
    next_month: date
    is_whole: bool
    is_newest: bool
    known_until: date | None
    data_cutoff: Instant
    currency: str
    target: float
    definition: str
    horizon_days: int
    lead_days: int
    grace_days: int
    is_simulated: bool
    churn: ChurnFacts | None
    cohorts: tuple[CohortAge, ...]
    risk: RiskFacts | None


class MonthCampaigns(Document):
    """The campaigns as they stood for the report of the month, and what they promised and kept together."""

    campaigns: tuple[ReportedCampaign, ...]
    saved: SavedProfit | None
    spent: int | float  # a whole 0 where nothing was measured
    ledger: tuple[LedgerMonth, ...]
    measured_plans: tuple[str, ...] = ()
    programmes: tuple[ReportedProgramme, ...] = Field((), exclude_if=lambda programmes: not programmes)


class MonthOperation(Document):
    """The model that served, what the monitors found, and how the nights went."""

    model: ModelFacts | None
    monitoring: MonitoringDocument | None
    nights: NightFacts


class TimelyFacts(Document):
    """What only the newest run of something says: it is on record where a report was written in time."""

    decision: Decision
    insights: InsightsDocument | None
    quality: QualityDocument | None
    is_in_time: bool


class MonthFacts(TimelyFacts, MonthOperation, MonthCampaigns, MonthHistory):
    """All facts of one month."""

    @classmethod
    def of(
        cls, history: MonthHistory, campaigns: MonthCampaigns, operation: MonthOperation, timely: TimelyFacts
    ) -> MonthFacts:
        """Return the facts that the four parts are together."""
        return MonthFacts(**dict(history), **dict(campaigns), **dict(operation), **dict(timely))
