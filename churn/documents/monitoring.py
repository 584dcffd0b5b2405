"""What the monitors found as of one day: findings, drift, matured cohorts, and what followed from them.

Money is per month in the configured currency. Figures that the rows do not determine are None.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Final, Literal, NamedTuple

from pydantic import JsonValue, SerializerFunctionWrapHandler, model_serializer

from churn.decisions.severity import Severity
from churn.documents.document import Defined, Document

RetrainWindow = Literal["recent", "all"]


class Finding(Document):
    """What one monitor says of one subject, in a sentence.

    `value` and `limit` are in the monitor's own unit, None where there is none; `money_at_risk` is an estimate per month,
    None where nothing can be estimated; `run_ids` name the runs it was read from.
    """

    monitor: str
    subject: str
    severity: Severity
    sentence: str
    value: Defined = None
    limit: Defined = None
    money_at_risk: Defined = None
    run_ids: tuple[str, ...] = ()

    def without_money(self) -> Finding:
        """Return the same without its amount: where the calibration gate failed, probabilities are no money."""
        return self.model_copy(update={"money_at_risk": None})


class FeatureDrift(Document):
    """One feature as of a day. PSI against training and, where there is one, against the calendar-matched reference.

    `tolerated` is the drift to be expected from that of the model's own test rows, where these had moved already.
    `importance` is the share of the model's contributions that rest on the feature, `points` its mean absolute
    contribution in probability; None where unknown. `moved` is the share of customers in another bin than training had.
    `like_day` names the day compared where that is not the present one, but the newest like those of training. `limit`
    is the PSI above which to act.
    """

    feature: str
    psi: float
    noise: float
    tolerated: float
    calendar_psi: float | None
    calendar_noise: float | None
    severity: Severity
    is_seasonal: bool
    moved: float
    missing: float
    missing_before: float
    importance: float | None
    points: float | None
    like_day: str | None
    limit: float


class TrainingRows(Document):
    """The rows that a model learnt from: how many, of how many customers, from when to when."""

    rows: int
    customers: int
    first_date: str | None
    last_date: str | None


class SeasonRows(Document):
    """The calendar-matched reference: what sentences call it, and its rows."""

    name: str
    rows: int


class DataDrift(Document):
    """Every feature, the worst first, with what it was compared with and how often chance raises an alarm."""

    features: tuple[FeatureDrift, ...]
    rows: int
    reference: TrainingRows
    calendar_reference: SeasonRows | None
    false_alarm_rate: float
    note: str


class ScoreEstimate(Document):
    """What the scores promise of themselves before labels mature, beside the AUC of the test."""

    auc: Defined
    recall: Defined
    lift: Defined
    churn_rate: Defined
    test_auc: Defined
    note: str


class ScoreMeans(Document):
    """The mean churn probability now and on the test rows."""

    mean: Defined
    test_mean: Defined


class CohortFigure(Document):
    """One figure of a cohort, its 95 % interval, that of the test, and the range it must lie in (None: open)."""

    value: Defined
    interval: tuple[Defined, Defined]
    test: Defined
    limits: tuple[Defined, Defined]
    severity: Severity


class CohortResults(Document):
    """One snapshot date whose labels are final, with its figures by name: auc, recall, lift, slope, level."""

    snapshot_date: date
    matured_on: date
    customers: int
    churners: int
    churn_rate: float
    expected_churners: float
    treated_left_out: int
    severity: Severity
    figures: dict[str, CohortFigure]


class ChurnRate(NamedTuple):
    """A training date, its labelled rows, and how many of them left."""

    snapshot_date: str
    rows: int
    churners: int


class ListRun(Document):
    """One run of the score history: how many customers it listed, and which share of the list before had left it."""

    snapshot_date: date
    run_id: str
    listed: int
    left: float | None


class RetrainDecision(Document):
    """Whether to train, on which window, and why; `blocked_by` says what stands in the way of a reason there is."""

    is_due: bool
    window: RetrainWindow
    reasons: tuple[str, ...]
    blocked_by: str | None
    sentence: str


class ChallengerContest(Document):
    """A challenger's gain in net profit over the champion on the same customers, with its interval.

    `gain` is money over the judged rows; `gain_monthly` the same per month for as many customers as are active now.
    """

    challenger: str
    champion: str
    dates: tuple[str, ...]
    rows: int
    customers: int
    gain: float
    low: Defined
    high: Defined
    gain_monthly: float
    recall_champion: Defined
    recall_challenger: Defined
    is_won: bool
    sentence: str


# A model that nobody looked at has none of these: the JSON then leaves them out.
_PARTS: Final = ("data_drift", "estimated", "scores", "cohorts", "test", "training_churn_rates", "turnover")


class MonitoringDocument(Document):
    """All findings of one day, the most serious first, what each monitor saw, and what followed.

    `test` holds each figure of the model's test with its interval. From `data_drift` to `turnover` all is None where
    there was no model to look at; `data_drift` also where nothing is kept of the training rows.
    """

    on: date
    data_cutoff: datetime
    monitored_at: datetime
    model_version: str | None
    customers: int
    currency: str
    severity: Severity
    summary: str
    findings: tuple[Finding, ...]
    data_drift: DataDrift | None = None
    estimated: ScoreEstimate | None = None
    scores: ScoreMeans | None = None
    cohorts: tuple[CohortResults, ...] | None = None
    test: dict[str, tuple[Defined, Defined, Defined]] | None = None
    training_churn_rates: tuple[ChurnRate, ...] | None = None
    turnover: tuple[ListRun, ...] | None = None
    retraining: RetrainDecision | None = None
    contests: tuple[ChallengerContest, ...] = ()
    trained: str | None = None
    promoted: str | None = None
    waiting_for_approval: str | None = None

    @model_serializer(mode="wrap")
    def _without_missing_parts(self, handler: SerializerFunctionWrapHandler) -> dict[str, JsonValue]:
        written: dict[str, JsonValue] = handler(self)
        return {name: value for name, value in written.items() if value is not None or name not in _PARTS}


class _TrendRow(Document):
    monitor: str
    subject: str
    value: Defined
    low: Defined = None
    high: Defined = None
    limit: Defined = None
    severity: Severity | None = None


class DailyTrend(_TrendRow):
    """One figure of a day."""


class RateTrend(_TrendRow):
    """The churn rate of a matured cohort; `on` is the cohort's snapshot date."""

    on: date


class CohortTrend(_TrendRow):
    """One figure of a matured cohort, with that of the test and the range it must lie in."""

    on: date
    test: Defined
    limits: tuple[Defined, Defined]


TrendRow = DailyTrend | RateTrend | CohortTrend


class MonitoredDay(Document):
    """One day of the history: its verdict, and the few figures that are followed over many days."""

    on: date
    model_version: str | None
    severity: Severity
    rows: tuple[TrendRow, ...]
