"""Puts together all that a person wants to know of one customer, from the store and the serving files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from churn.context import Context
from churn.documents.reason import FeatureValue, RiskReason
from churn.documents.score_summary import UsualValues
from churn.errors import NotFound, ResourceError
from churn.languages.words import tr
from churn.reports.feature_groups import group_label
from churn.store.records import CustomerAssignment
from churn.views.customer_risk import customer_risk
from churn.views.months_ahead import MonthsAhead, months_ahead
from churn.views.serving_files import FEATURES, TIMELINE, USAGE, history_files, read_summary, run_path

if TYPE_CHECKING:
    import polars as pl

FACTS = 300  # the newest facts of a customer's year that are shown
DAY_BITS = 60  # days that the strip of active days covers
_FLAT = 0.0005  # points that round to nothing


@dataclass(frozen=True)
class RiskStep:
    """A step from the average customer's probability to this one's; `feature` is None for all the rest together."""

    text: str
    points: float
    start: float
    end: float
    feature: str | None
    is_actionable: bool


@dataclass(frozen=True)
class PastScore:
    """The customer's score in one run that is kept."""

    snapshot_date: date
    churn_probability: float
    risk_band: str
    model_version: str


@dataclass(frozen=True)
class CustomerFact:
    """Something that happened: a payment, a ticket, a change of plan, a contact, an assignment, an outcome.

    What `what` and `detail` say depends on the kind; see sql/serving/customer_timeline.sql.
    """

    occurred_at: datetime
    kind: str
    what: str
    detail: str
    amount: float | None = None
    ended_at: datetime | None = None


@dataclass(frozen=True)
class MonthOfUse:
    """Logins in a month; the month of the snapshot date is not whole yet."""

    month: date
    sessions: int
    is_whole: bool


@dataclass(frozen=True)
class DayOfUse:
    """Whether the customer was active on a day."""

    date: date
    is_active: bool


@dataclass(frozen=True)
class ProductUse:
    """Logins by month over a year, and the active days of the last 60, oldest first."""

    months: Sequence[MonthOfUse]
    days: Sequence[DayOfUse]


@dataclass(frozen=True)
class CustomerView:
    """A customer's risk, where it comes from, how it went, what happened, and what was done about it.

    `steps` lead from the base rate to the probability, see `waterfall`; `history` is oldest first, `facts` newest first.
    `ahead` is None where nothing is said of months ahead.
    Without serving files there is no base probability and no use, and facts are None where no campaign is known either.
    """

    customer_id: str
    churn_probability: float
    involuntary_probability: float | None
    voluntary_probability: float | None
    risk_band: str
    percentile: float
    expected_profit: float | None
    value_of_save: float
    monthly_margin: float
    plan: str | None
    previous_probability: float | None
    change: float | None
    reasons: Sequence[RiskReason]
    change_reasons: Sequence[RiskReason] | None
    campaigns: Sequence[CustomerAssignment]
    scored_at: datetime
    snapshot_date: date
    model_version: str
    data_cutoff: datetime
    run_id: str
    base_probability: float | None
    mean_probability: float | None
    steps: Sequence[RiskStep]
    history: Sequence[PastScore]
    facts: Sequence[CustomerFact] | None
    usage: ProductUse | None
    features: Mapping[str, FeatureValue]
    usual: Mapping[str, UsualValues]
    ahead: MonthsAhead | None


def customer_view(context: Context, customer_id: str) -> CustomerView:
    """Return all of one customer.

    Raises NotFound for somebody who is not on the current list, DataError before the first list.
    """
    with context.open_store() as store:
        risk = customer_risk(store.published, customer_id)
    home = context.settings.home
    folder = run_path(home, risk["run_id"])
    summary = read_summary(home, risk["run_id"])
    base = summary.base_probability if summary else None
    reasons = _reasons(risk["reasons"])
    campaigns = [CustomerAssignment(row["campaign"], row["arm"], row["assigned_at"]) for row in risk["campaigns"]]
    seen = _rows_of(folder / FEATURES, customer_id)
    return CustomerView(
        customer_id=risk["customer_id"],
        churn_probability=risk["churn_probability"],
        involuntary_probability=risk["involuntary_probability"],
        voluntary_probability=risk["voluntary_probability"],
        risk_band=risk["risk_band"],
        percentile=risk["percentile"],
        expected_profit=risk["expected_profit"],
        value_of_save=risk["value_of_save"],
        monthly_margin=risk["monthly_margin"],
        plan=risk["plan"],
        previous_probability=risk["previous_probability"],
        change=risk["change"],
        reasons=reasons,
        change_reasons=None if risk["change_reasons"] is None else _reasons(risk["change_reasons"]),
        campaigns=campaigns,
        scored_at=risk["scored_at"],
        snapshot_date=risk["snapshot_date"],
        model_version=risk["model_version"],
        data_cutoff=risk["data_cutoff"],
        run_id=risk["run_id"],
        base_probability=base,
        steps=waterfall(base, risk["churn_probability"], reasons, mean=summary.mean_probability if summary else None),
        mean_probability=summary.mean_probability if summary else None,
        history=score_history(home, customer_id),
        facts=_facts(context, folder, customer_id, campaigns),
        usage=_usage(folder, customer_id, risk["snapshot_date"]),
        features={} if seen is None or seen.is_empty() else seen.drop("customer_id").row(0, named=True),
        usual=dict(summary.features) if summary else {},
        ahead=months_ahead(risk),
    )


def _reasons(rows: Sequence[object]) -> list[RiskReason]:
    return [RiskReason.read(row, where="reasons of the list") for row in rows]


def waterfall(
    base: float | None,
    probability: float,
    reasons: Sequence[RiskReason],
    *,
    mean: float | None = None,
    shown: int | None = None,
    groups: Mapping[str, str] | None = None,
) -> list[RiskStep]:
    """Return the steps to `probability`: each reason's points, and what all other features do together.

    They begin with the `mean` of all customers where it is known. Reasons count from `base`, what the model says of a
    typical customer, which lies lower where a few at high risk raise the mean; that way is the first step. Where the rest
    behind the `shown` reasons would be the longest bar it is told by the group of each feature (`groups`), the largest
    first, until it is not. The last end is `probability`. Empty where the base is not known.
    """
    if base is None:
        return []
    parts: list[tuple[str, float, str | None, bool]] = []
    if mean is not None and abs(base - mean) >= _FLAT:
        parts.append((tr("from the average to a typical customer"), base - mean, None, False))
    strongest = reasons[:shown]
    parts += [(reason.text, reason.points, reason.feature, reason.is_actionable) for reason in strongest]
    rest = probability - base - sum(reason.points for reason in strongest)
    longest = max((abs(reason.points) for reason in strongest), default=0.0)
    behind: dict[str, float] = {}
    for reason in reasons[len(strongest) :]:
        if groups and reason.feature in groups:
            behind[groups[reason.feature]] = behind.get(groups[reason.feature], 0.0) + reason.points
    for group, points in sorted(behind.items(), key=lambda entry: -abs(entry[1])):
        if abs(rest) <= longest:
            break
        parts.append((tr("others: {group}", group=group_label(group)), points, None, False))
        rest, longest = rest - points, max(longest, abs(points))
    if abs(rest) >= _FLAT:
        parts.append((tr("everything else"), rest, None, False))
    steps, at = [], base if mean is None else mean
    for text, points, feature, is_actionable in parts:
        steps.append(RiskStep(text, points, at, at + points, feature, is_actionable))
        at += points
    return steps


def score_history(home: Path, customer_id: str) -> list[PastScore]:
    """Return the customer's scores in the runs that are kept, oldest first."""
    rows = _rows_of(history_files(home), customer_id)
    if rows is None:
        return []
    columns = ("snapshot_date", "churn_probability", "risk_band", "model_version")
    return [PastScore(*row) for row in rows.sort("snapshot_date").select(columns).iter_rows()]


def last_known(context: Context, customer_id: str) -> PastScore | None:
    """Return the newest score of somebody who may have left since; None for a stranger."""
    history = score_history(context.settings.home, customer_id)
    return history[-1] if history else None


def _rows_of(path: Path | list[Path], customer_id: str) -> pl.DataFrame | None:
    """Return one customer's rows of serving files; None where a file is absent. Raises ResourceError for a broken one."""
    import polars as pl

    paths = [file for file in (path if isinstance(path, list) else [path]) if file.is_file()]
    if not paths:
        return None
    try:
        return pl.scan_parquet(paths).filter(pl.col("customer_id") == customer_id).collect()
    except (OSError, pl.exceptions.PolarsError) as error:
        if not all(file.is_file() for file in paths):
            return None  # removed by the next run meanwhile; the page shows the files that are left
        raise ResourceError(
            tr("cannot be read: {error}", error=str(error).splitlines()[0]),
            where=str(paths[-1]),
            remedy=tr("Run `churn score` again."),
        ) from error


def _facts(
    context: Context, folder: Path, customer_id: str, campaigns: Sequence[CustomerAssignment]
) -> list[CustomerFact] | None:
    """Return what happened in the year, newest first; None without serving files, when only campaigns are known."""
    timeline = _rows_of(folder / TIMELINE, customer_id)
    facts = []
    if timeline is not None:
        columns = ("occurred_at", "kind", "what", "detail", "amount", "ended_at")
        facts = [
            CustomerFact(at, kind, what or "", detail or "", amount, ended_at)
            for at, kind, what, detail, amount, ended_at in timeline.select(columns).iter_rows()
        ]
    with context.open_store() as store:
        outcomes = store.outcomes.of_customer(customer_id)
    facts += [CustomerFact(context.local_of(c.assigned_at), "campaign", c.arm, c.campaign) for c in campaigns]
    for outcome in outcomes:
        at = outcome["occurred_at"]
        assert isinstance(at, datetime)  # of a column of instants
        facts.append(CustomerFact(context.local_of(at), "outcome", str(outcome["kind"]), str(outcome["campaign"])))
    facts.sort(key=lambda fact: fact.occurred_at, reverse=True)
    return facts[:FACTS] if timeline is not None or facts else None


def _usage(folder: Path, customer_id: str, day: date) -> ProductUse | None:
    """Return the use of the product before `day`; None where logins are not known."""
    if not (folder / USAGE).is_file():
        return None
    rows = _rows_of(folder / USAGE, customer_id)
    by_month: dict[datetime, int] = {}
    bits = 0
    if rows is not None and not rows.is_empty():
        months, sessions, day_bits = rows.select("months", "sessions", "day_bits").row(0)
        by_month, bits = dict(zip(months, sessions, strict=True)), int(day_bits)
    end = datetime.combine(day, time())
    last = end - timedelta(days=1)
    return ProductUse(
        months=[
            MonthOfUse(month.date(), by_month.get(month, 0), is_whole=_month_before(month, -1) <= end)
            for month in (_month_before(last, back) for back in range(11, -1, -1))
        ],
        days=[
            DayOfUse(day - timedelta(days=back + 1), is_active=bool(bits >> back & 1))
            for back in range(DAY_BITS - 1, -1, -1)
        ],
    )


def _month_before(at: datetime, back: int) -> datetime:
    number = at.year * 12 + at.month - 1 - back
    return datetime(number // 12, number % 12 + 1, 1)  # noqa: DTZ001 - instants are naive UTC throughout


def require_features(context: Context, run_id: str, customer_ids: Sequence[str]) -> list[Mapping[str, FeatureValue]]:
    """Return what the model saw of each customer, in order. Raises NotFound naming the first who is not on the list."""
    import polars as pl

    path = run_path(context.settings.home, run_id) / FEATURES
    not_kept = NotFound(
        tr("what the model saw of its customers is not kept for this list"),
        where=f"list {run_id}",
        remedy=tr("Run `churn score` again, or send whole rows of features."),
    )
    if not path.is_file():
        raise not_kept
    try:
        rows = pl.scan_parquet(path).filter(pl.col("customer_id").is_in(list(set(customer_ids)))).collect().to_dicts()
    except (OSError, pl.exceptions.PolarsError) as error:
        if not path.is_file():  # removed by a later run meanwhile
            raise not_kept from error
        raise ResourceError(tr("cannot be read"), where=str(path), remedy=tr("Run `churn score` again.")) from error
    features_of = {row.pop("customer_id"): row for row in rows}
    if missing := next((customer_id for customer_id in customer_ids if customer_id not in features_of), None):
        raise NotFound(tr("a customer is not on the current list"), where=f"customer {missing[:80]}")
    return [features_of[customer_id] for customer_id in customer_ids]
