"""What an exploration says of the data: every column, what goes together, kinds of customers, survival, and insights.

No customer is named in it. Shares are 0..1, money is in the configured currency.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Literal

from churn.documents.document import Document

Measure = Literal["spearman", "cramers_v", "correlation_ratio"]
DividedBy = Literal["date", "customer"]
ColumnKind = Literal["number", "flag", "text"]
Span = tuple[float, float]


class ColumnInsight(Document):
    """A group of customers who leave more than the rest, tested on rows it was not searched on.

    Rates, lift and intervals are those of the rows tested; share, customers and money those of today's customers.
    `condition` is SQL that a campaign's audience takes as its filter. `lift` is None where nobody else left.
    """

    rank: int
    sentence: str
    words: str
    note: str | None
    condition: str
    features: tuple[str, ...]
    churn_rate: float
    interval: Span
    rest_rate: float
    lift: float | None
    lift_interval: Span
    share: float
    customers: int
    money_at_risk_monthly: float
    involuntary_share: float
    searched_rate: float
    tested_rows: int
    tested_churned: int
    tested_on: tuple[date, ...]
    p_value: float
    p_adjusted: float


class InsightsDocument(Document):
    """The insights of one exploration and what they rest on: what pages and reports need of it."""

    snapshot_date: date
    explored_at: datetime
    currency: str
    horizon_days: int
    customers: int
    churn_rate: float | None
    headline: str
    tally: str
    method: str | None
    tested_on: tuple[date, ...]
    is_simulated: bool
    notes: tuple[str, ...]
    insights: tuple[ColumnInsight, ...]


class AssociatedColumn(Document):
    """A column with how strongly it goes with churn (Cramer's V)."""

    name: str
    churn_v: float


class ColumnPair(Document):
    """How two columns go together: `value` is 0..1, with a sign for numbers; `pearson` for two numbers."""

    one: str
    other: str
    measure: Measure
    value: float | None
    pearson: float | None


class Association(Document):
    """The columns that go with churn most, the strongest first, and how any two of them go together."""

    columns: tuple[AssociatedColumn, ...]
    pairs: tuple[ColumnPair, ...]
    sample_rows: int


class ColumnLoading(Document):
    """What a column weighs in a principal component, -1..1."""

    name: str
    loading: float


class PrincipalComponent(Document):
    """A principal component of the numbers: its share of all differences, and the columns that stand for it."""

    number: int
    share: float
    columns: tuple[ColumnLoading, ...]


class ScatterPoint(Document):
    """One customer of the sample on the two main components; `churned` is None where the outcome is not known."""

    x: float
    y: float
    group: int
    churned: bool | None


class GroupMark(Document):
    """By how many standard deviations a group's mean of a column lies off that of all."""

    name: str
    deviations: float


class CustomerGroup(Document):
    """One kind of customer: its size, its churn with interval, and what marks it."""

    number: int
    share: float
    churn_rate: float | None
    interval: Span | None
    share_of_churned: float
    marks: tuple[GroupMark, ...]


class Structure(Document):
    """What kinds of customers there are, from a sample of rows."""

    sample_rows: int
    components: tuple[PrincipalComponent, ...]
    points: tuple[ScatterPoint, ...]
    groups: tuple[CustomerGroup, ...]


class SurvivalPoint(Document):
    """The share still there at an age, with its 95 % interval."""

    age: float
    share: float
    low: float
    high: float
    at_risk: int


class SurvivalCurve(Document):
    """How long the customers of one group stay; `median` is None where half of them are still there."""

    name: str
    customers: int
    lost: int
    median: float | None
    points: tuple[SurvivalPoint, ...]


class SurvivalCurves(Document):
    """Survival of all customers and by `by`; `unit` is months, or the column of tenure that ages come from."""

    unit: str
    by: str | None
    groups: tuple[SurvivalCurve, ...]


class CohortShare(Document):
    """The share of a cohort that is still there some months after joining."""

    months: int
    share: float


class CohortRetention(Document):
    """The customers who joined in one month, and how many of them were kept."""

    month: str
    customers: int
    kept: tuple[CohortShare, ...]


class BoxPlot(Document):
    """Tukey's box: quartiles, and whiskers at the last values within 1.5 times their distance."""

    low: float
    first: float
    median: float
    third: float
    high: float


class Histogram(Document):
    """Counts between edges that span the middle 98 % of the values, and how many lie below and above."""

    edges: tuple[float, ...]
    counts: tuple[int, ...]
    below: int
    above: int


class CommonValue(Document):
    """One of a column's commonest values."""

    value: str
    rows: int
    share: float


class ChurnBin(Document):
    """Churn of the customers in one bin of a column, with its 95 % interval."""

    label: str
    rows: int
    churned: int
    churn_rate: float
    low: float
    high: float


class ColumnProfile(Document):
    """The values of one column on the newest date, and churn along it; `quantiles` are by share."""

    name: str
    group: str
    description: str
    kind: ColumnKind
    type: str
    rows: int
    missing: int
    distinct: int
    mean: float | None = None
    deviation: float | None = None
    zeros: int | None = None
    quantiles: dict[str, float] | None = None
    box: BoxPlot | None = None
    outliers: int | None = None
    histogram: Histogram | None = None
    top: tuple[CommonValue, ...] = ()
    churn: tuple[ChurnBin, ...] = ()


class ExplorationSeconds(Document):
    """How long the features took to build, and the exploration itself."""

    features: float
    exploring: float


class ExplorationDocument(Document):
    """One exploration. `dates` are the snapshot dates read; `divided_by` says how rows were parted to search and test."""

    snapshot_date: date
    explored_at: datetime
    currency: str
    is_simulated: bool
    horizon_days: int
    dates: tuple[date, ...]
    divided_by: DividedBy
    searched_on: tuple[date, ...]
    tested_on: tuple[date, ...]
    customers: int
    monthly_fees: float
    rows: int
    labelled_rows: int
    churned_rows: int
    churn_rate: float | None
    churn_interval: Span | None
    headline: str
    tally: str
    method: str | None
    notes: tuple[str, ...]
    insights: tuple[ColumnInsight, ...]
    association: Association
    structure: Structure | None
    survival: SurvivalCurves | None
    retention: tuple[CohortRetention, ...]
    profile: tuple[ColumnProfile, ...]
    seconds: ExplorationSeconds

    def insights_alone(self) -> InsightsDocument:
        """Return the insights, and what they rest on."""
        return InsightsDocument(**{name: getattr(self, name) for name in InsightsDocument.model_fields})
