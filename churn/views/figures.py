"""SegmentFigures of any months by plan, country or length of stay, beside the months before and the year before; from the published tables."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Final

from churn.context import Context
from churn.languages.words import N_
from churn.views.tables import TableSet, current_tables

if TYPE_CHECKING:
    import polars as pl

BY_SEGMENT: Final = "months_by_segment"
ALL: Final = "all"
WORDS: Final = {
    "all": N_("All customers"),
    "plan": N_("Plan"),
    "country": N_("Country"),
    "tenure": N_("Time as a customer"),
}
STAYS: Final = (
    "to 3 months",
    "4 to 12 months",
    "1 to 2 years",
    "over 2 years",
)  # in the order to be shown in
_SHOWN_MONTHS: Final = 12


@dataclass(frozen=True)
class Sums:
    """What some months add up to: `began` and `revenue` as the first one began, `ended` and `revenue_ended` after the last.

    A rate is what was lost of what each month began with, over the months: of one month it is that of the monthly report.
    """

    began: int
    won: int
    voluntary: int
    involuntary: int
    other: int
    customer_months: int
    revenue: float
    revenue_won: float
    revenue_lost: float
    revenue_other: float
    revenue_months: float

    @property
    def churners(self) -> int:
        """How many were lost."""
        return self.voluntary + self.involuntary

    @property
    def ended(self) -> int:
        """Customers after the last month."""
        return self.began + self.won - self.churners + self.other

    @property
    def revenue_ended(self) -> float:
        """What they pay per month."""
        return self.revenue + self.revenue_won - self.revenue_lost + self.revenue_other

    @property
    def churn_rate(self) -> float | None:
        """The share lost per month."""
        return self.churners / self.customer_months if self.customer_months else None

    @property
    def revenue_churn(self) -> float | None:
        """The share of revenue lost per month."""
        return self.revenue_lost / self.revenue_months if self.revenue_months else None


@dataclass(frozen=True)
class FiguresQuestion:
    """Which months (first and last), cut by which segment; `value` narrows the months' own table to one of its values."""

    segment: str = ALL
    value: str = ""
    first: date | None = None
    last: date | None = None


@dataclass(frozen=True)
class Period:
    """Sums of some months, of the same number of months before, and of the same months a year before; None where not all are known."""

    value: str
    now: Sums | None
    before: Sums | None
    year_before: Sums | None


@dataclass(frozen=True)
class MonthRow:
    """One month of one value of a segment."""

    value: str
    month: date
    sums: Sums


@dataclass(frozen=True)
class SegmentFigures:
    """What the page of figures shows. `months` and `segments` can be chosen; `by_month` is of the value chosen, or of all."""

    published_at: datetime
    data_cutoff: datetime
    segment: str
    value: str
    first: date
    last: date
    months: list[date]
    segments: list[str]
    whole: Period
    values: list[Period]
    by_month: list[MonthRow]
    lines: list[MonthRow]  # of the largest values, for a chart

    @property
    def length(self) -> int:
        """How many months are shown."""
        return _between(self.first, self.last) + 1


def read_figures(context: Context, question: FiguresQuestion) -> SegmentFigures | None:
    """Return the figures asked for, a choice that there is not left out; None before any were published."""
    tables = current_tables(context.settings.tables_path)
    frame = None if tables is None else read_table(tables, BY_SEGMENT)
    if tables is None or frame is None or frame.is_empty():
        return None
    rows = _by_value(frame)
    whole = rows[ALL][ALL]
    months = sorted(month for month, sums in whole.items() if sums.began)
    last = question.last if question.last in months else months[-1]
    first = question.first if question.first in months else months[max(0, months.index(last) - _SHOWN_MONTHS + 1)]
    first = min(first, last)
    segment = question.segment if question.segment in rows else ALL
    by_value = rows[segment]
    value = question.value if question.value in by_value else ""
    values = [_period(name, by_value[name], whole, first, last) for name in by_value]
    values = [period for period in values if period.now and (period.now.began or period.now.won)]
    values.sort(key=_order)
    chosen = by_value[value] if value else whole
    largest = [period.value for period in sorted(values, key=lambda p: -(p.now.customer_months if p.now else 0))[:5]]
    shown = months[months.index(first) : months.index(last) + 1]
    return SegmentFigures(
        published_at=tables.document.published_at,
        data_cutoff=tables.document.data_cutoff,
        segment=segment,
        value=value,
        first=first,
        last=last,
        months=months,
        segments=[name for name in WORDS if name in rows] + sorted(set(rows) - set(WORDS)),
        whole=_period(ALL, whole, whole, first, last),
        values=values,
        by_month=[MonthRow(value, month, chosen.get(month, _NOBODY)) for month in shown],
        lines=[
            MonthRow(name, month, by_value[name][month])
            for name in (p.value for p in values if p.value in largest)
            for month in shown
            if month in by_value[name]
        ],
    )


def read_table(tables: TableSet, name: str) -> pl.DataFrame | None:
    """Return a published table; None where it was not published."""
    import polars as pl

    path = tables.folder / f"{name}.parquet"
    return pl.read_parquet(path) if path.is_file() else None


ByMonth = dict[date, Sums]
_NOBODY: Final = Sums(0, 0, 0, 0, 0, 0, 0.0, 0.0, 0.0, 0.0, 0.0)


def _by_value(frame: pl.DataFrame) -> dict[str, dict[str, ByMonth]]:
    rows: dict[str, dict[str, ByMonth]] = {}
    for row in frame.iter_rows(named=True):
        sums = Sums(
            began=row["customers"],
            won=row["won"],
            voluntary=row["voluntary_churners"],
            involuntary=row["involuntary_churners"],
            other=row["other"],
            customer_months=row["customers"],
            revenue=row["monthly_revenue"],
            revenue_won=row["monthly_revenue_won"],
            revenue_lost=row["monthly_revenue_lost"],
            revenue_other=row["monthly_revenue_other"],
            revenue_months=row["monthly_revenue"],
        )
        rows.setdefault(row["segment"], {}).setdefault(row["value"], {})[row["month"]] = sums
    return rows


def _period(value: str, months: ByMonth, known: ByMonth, first: date, last: date) -> Period:
    length = _between(first, last) + 1
    return Period(
        value,
        _added(months, known, first, length),
        _added(months, known, _moved(first, -length), length),
        _added(months, known, _moved(first, -12), length),
    )


def _added(months: ByMonth, known: ByMonth, first: date, length: int) -> Sums | None:
    """Return what months from `first` on add up to; None where the data do not hold all of them."""
    wanted = [_moved(first, number) for number in range(length)]
    if any(month not in known or not known[month].began for month in wanted):
        return None
    parts = [months.get(month, _NOBODY) for month in wanted]
    return Sums(
        began=parts[0].began,
        won=sum(part.won for part in parts),
        voluntary=sum(part.voluntary for part in parts),
        involuntary=sum(part.involuntary for part in parts),
        other=sum(part.other for part in parts),
        customer_months=sum(part.began for part in parts),
        revenue=parts[0].revenue,
        revenue_won=_cents(part.revenue_won for part in parts),
        revenue_lost=_cents(part.revenue_lost for part in parts),
        revenue_other=_cents(part.revenue_other for part in parts),
        revenue_months=_cents(part.revenue for part in parts),
    )


def _cents(amounts: Iterable[float]) -> float:
    return round(math.fsum(amounts), 2)


def _order(period: Period) -> tuple[int, int, str]:
    place = STAYS.index(period.value) if period.value in STAYS else len(STAYS)
    return place, -(period.now.began if period.now else 0), period.value


def _moved(month: date, by: int) -> date:
    number = month.year * 12 + month.month - 1 + by
    return date(number // 12, number % 12 + 1, 1)


def _between(first: date, last: date) -> int:
    return (last.year - first.year) * 12 + last.month - first.month
