"""The figures as tables: the same rows on a page, as CSV and in Excel, each column with what its numbers are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from churn.context import Context
from churn.exploration.staying import survival_by_plan
from churn.files import Sheet, csv_text, workbook_bytes
from churn.files.columns import Kind
from churn.languages.words import tr, trc
from churn.views.figures import ALL, WORDS, Period, SegmentFigures, Sums, read_table
from churn.views.tables import current_tables

if TYPE_CHECKING:
    import polars as pl

    from churn.documents.exploration import SurvivalCurves

ColumnKind = Literal["text", "month", "count", "change", "share", "money"]
_AT_RISK: Final = ("critical", "high")
_AGES: Final = (1, 3, 6, 12, 24)


@dataclass(frozen=True)
class FigureColumn:
    """A column: its name in a file, its words on a page, and what its values are."""

    name: str
    label: str
    kind: ColumnKind


@dataclass(frozen=True)
class FigureTable:
    """A table: its name in an address, what it is called, its columns and rows. None stands for what is not known."""

    name: str
    title: str
    columns: tuple[FigureColumn, ...]
    rows: tuple[tuple[object, ...], ...]

    def csv(self) -> str:
        """Return it as CSV: shares from 0 to 1, amounts with cents."""
        return csv_text([[column.name for column in self.columns], *self.rows])

    def workbook(self, currency: str) -> bytes:
        """Return it as an Excel workbook. Raises ConfigError where nothing is installed to write one."""
        kinds: dict[str, Kind] = {
            column.name: "money" if column.kind == "money" else "share" if column.kind == "share" else "number"
            for column in self.columns
        }
        sheet = Sheet(self.title[:31], [column.name for column in self.columns], self.rows, kinds=kinds)
        return workbook_bytes([sheet], currency=currency)


def by_segment(figures: SegmentFigures) -> FigureTable:
    """Return the values of the segment beside one another, and all customers last."""
    periods = figures.values if figures.segment != ALL else []

    def row(name: str, period: Period) -> tuple[object, ...]:
        now = period.now
        return (
            name,
            now and now.began,
            now and now.churners,
            now and now.churn_rate,
            period.before and period.before.churn_rate,
            period.year_before and period.year_before.churn_rate,
            now and now.revenue,
            now and now.revenue_lost,
            now and now.revenue_churn,
            now and now.ended,
            now and now.revenue_ended,
        )

    columns = (
        FigureColumn(figures.segment, WORDS.get(figures.segment, figures.segment.capitalize()), "text"),
        FigureColumn("customers", tr("Customers at start"), "count"),
        FigureColumn("churners", tr("Lost"), "count"),
        FigureColumn("churn_rate", tr("Monthly churn"), "share"),
        FigureColumn("churn_rate_before", tr("Months before"), "share"),
        FigureColumn("churn_rate_year_before", tr("Year before"), "share"),
        FigureColumn("monthly_revenue", tr("Monthly revenue at start"), "money"),
        FigureColumn("monthly_revenue_lost", tr("Revenue lost"), "money"),
        FigureColumn("revenue_churn", tr("Monthly revenue churn"), "share"),
        FigureColumn("customers_after", tr("Customers now"), "count"),
        FigureColumn("monthly_revenue_after", tr("Monthly revenue now"), "money"),
    )
    rows = (*(row(period.value, period) for period in periods), row(tr("All customers"), figures.whole))
    return FigureTable("by-segment", tr("By segment"), columns, rows)


def customers_by_month(figures: SegmentFigures) -> FigureTable:
    """Return what moved the number of customers, month by month."""

    def row(sums: Sums) -> tuple[object, ...]:
        rates = (sums.churn_rate, sums.revenue_churn)
        return (sums.began, sums.won, -sums.voluntary, -sums.involuntary, sums.other, sums.ended, *rates)

    columns = (
        FigureColumn("month", tr("Month"), "month"),
        FigureColumn("customers", tr("At start"), "count"),
        FigureColumn("won", tr("Won"), "change"),
        FigureColumn("canceled", trc("contract", "Canceled"), "change"),
        FigureColumn("failed_payments", tr("Failed payments"), "change"),
        FigureColumn("other", tr("Other"), "change"),
        FigureColumn("customers_after", tr("At end"), "count"),
        FigureColumn("churn_rate", tr("Churn"), "share"),
        FigureColumn("revenue_churn", tr("Revenue churn"), "share"),
    )
    rows = tuple((month.month, *row(month.sums)) for month in reversed(figures.by_month))
    return FigureTable("customers", tr("Customers by month"), columns, rows)


def revenue_by_month(figures: SegmentFigures) -> FigureTable:
    """Return what moved the monthly revenue, month by month."""
    columns = (
        FigureColumn("month", tr("Month"), "month"),
        FigureColumn("monthly_revenue", tr("At start"), "money"),
        FigureColumn("won", tr("Won"), "money"),
        FigureColumn("lost", tr("Lost"), "money"),
        FigureColumn("other", tr("Other"), "money"),
        FigureColumn("monthly_revenue_after", tr("At end"), "money"),
        FigureColumn("net_change", tr("Change"), "money"),
    )
    rows = tuple(
        (
            month.month,
            month.sums.revenue,
            month.sums.revenue_won,
            -month.sums.revenue_lost,
            month.sums.revenue_other,
            month.sums.revenue_ended,
            month.sums.revenue_ended - month.sums.revenue,
        )
        for month in reversed(figures.by_month)
    )
    return FigureTable("revenue", tr("Monthly revenue"), columns, rows)


def survival_table(curves: SurvivalCurves | None) -> FigureTable | None:
    """Return the share still there after some months, by plan; None without losses on record."""
    if curves is None:
        return None
    columns = (
        FigureColumn("plan", tr("Plan"), "text"),
        FigureColumn("customers", tr("Customers"), "count"),
        *(FigureColumn(f"after_{age}_months_share", tr("After {age} mo.", age=age), "share") for age in _AGES),
    )
    rows = tuple(
        (
            curve.name,
            curve.customers,
            *(
                next((p.share for p in reversed(curve.points) if p.age <= age), None)
                if curve.points and curve.points[-1].age >= age
                else None
                for age in _AGES
            ),
        )
        for curve in curves.groups
    )
    return FigureTable("survival", tr("Still there after"), columns, rows)


def risk_by_plan(scores: pl.DataFrame | None, *, tells_money: bool) -> FigureTable | None:
    """Return who of the newest list is at risk by plan, and the margin per month that is at stake; no money where it may not be told."""
    import polars as pl

    if scores is None or scores.is_empty():
        return None
    at_risk = pl.col("risk_band").is_in(_AT_RISK)
    stake = (pl.col("churn_probability") * pl.col("monthly_margin").fill_null(0)).filter(at_risk).sum()
    figures = [
        pl.len().alias("customers"),
        at_risk.sum().alias("at_risk"),
        pl.col("churn_probability").sum().alias("expected_churners"),
        (stake if tells_money else pl.lit(None, pl.Float64)).alias("monthly_margin_at_risk"),
    ]
    by_plan = scores.group_by(pl.col("plan").fill_null(tr("no plan"))).agg(figures).sort("customers", descending=True)
    whole = scores.select(pl.lit(tr("All customers")).alias("plan"), *figures)
    columns = (
        FigureColumn("plan", tr("Plan"), "text"),
        FigureColumn("customers", tr("Customers"), "count"),
        FigureColumn("at_risk", tr("At high or critical risk"), "count"),
        FigureColumn("expected_churners", tr("Expected to leave"), "count"),
        FigureColumn("monthly_margin_at_risk", tr("Margin a month at risk"), "money"),
    )
    return FigureTable("risk", tr("At risk now"), columns, (*by_plan.iter_rows(), *whole.head(1).iter_rows()))


def saved_by_campaign(measurements: pl.DataFrame | None, plans: pl.DataFrame | None) -> FigureTable | None:
    """Return what measured campaigns saved, with its interval, by their newest titles; None where nothing was measured."""
    if measurements is None or measurements.is_empty():
        return None
    names = ("campaign", "treatment", "saves", "spent", "net_profit", "net_profit_low", "net_profit_high")
    columns = (
        FigureColumn("campaign", tr("Campaign"), "text"),
        FigureColumn("treatment", tr("Contacted"), "count"),
        FigureColumn("saves", tr("Kept by it"), "count"),
        FigureColumn("spent", tr("Spent"), "money"),
        FigureColumn("net_profit", tr("Brought, net"), "money"),
        FigureColumn("net_profit_low", tr("At least"), "money"),
        FigureColumn("net_profit_high", tr("At most"), "money"),
    )
    titles = {} if plans is None else dict(plans.sort("planned_at").select("campaign", "title").iter_rows())
    rows = tuple((titles.get(name, name), *amounts) for name, *amounts in measurements.select(names).iter_rows())
    return FigureTable("saved", tr("Saved by campaigns"), columns, rows)


@dataclass(frozen=True)
class FigureTables:
    """Every table of the page, and the curves of survival for its chart."""

    tables: tuple[FigureTable, ...]
    survival: SurvivalCurves | None

    def named(self, name: str) -> FigureTable | None:
        """Return a table by its name."""
        return next((table for table in self.tables if table.name == name), None)


def figure_tables(context: Context, figures: SegmentFigures) -> FigureTables:
    """Return the tables of some figures, in the order of the page; those of which nothing is known are left out."""
    published = current_tables(context.settings.tables_path)

    def read(name: str) -> pl.DataFrame | None:
        return read_table(published, name) if published else None

    ages, runs = read("survival_by_age"), read("score_runs")
    curves = None if ages is None else survival_by_plan(ages)
    held_then = runs is not None and bool(runs.filter(runs["is_current"])["tells_money"].all())
    with context.open_store() as store:  # the gate may have closed since
        run = store.scores.current_run()
        tells_money = held_then and (run is None or store.published.tells_money(run))
    tables: Sequence[FigureTable | None] = (
        by_segment(figures),
        customers_by_month(figures),
        revenue_by_month(figures),
        survival_table(curves),
        risk_by_plan(read("scores"), tells_money=tells_money),
        saved_by_campaign(read("measurements"), read("campaigns")),
    )
    return FigureTables(tuple(table for table in tables if table is not None), curves)
