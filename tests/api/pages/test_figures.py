"""The figures on their page: they agree with the monthly report, are cut by segment, compared with earlier months, and handed over."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from datetime import date
from itertools import pairwise
from typing import Any

import pytest

from churn.context import Context
from churn.documents.month_facts import TrendMonth
from churn.views.figure_tables import figure_tables
from churn.views.figures import FiguresQuestion, SegmentFigures, read_figures
from churn.workflows.publish import publish_tables
from churn.workflows.report.facts import report_facts
from tests.api.pages.conftest import Served, Visitor, context_of, serve
from tests.company import Company, copy_home


@pytest.fixture(scope="module")
def published(finished_company: Company, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The finished company with published tables, served."""
    home = tmp_path_factory.mktemp("figures") / "home"
    copy_home(finished_company.home, home)
    publish_tables(context_of(home))
    yield from serve(context_of(home))


@pytest.fixture(scope="module")
def trend(published: Served) -> dict[date, TrendMonth]:
    """The months of the monthly report."""
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(1) as beside:
        churn = report_facts(published.context, None, beside=beside).churn
    assert churn is not None
    return {month.month: month for month in churn.trend}


def figures(context: Context, **question: Any) -> SegmentFigures:
    shown = read_figures(context, FiguresQuestion(**question))
    assert shown is not None
    return shown


@pytest.mark.parametrize("segment", ["all", "plan", "country", "tenure"])
def test_the_figures_are_those_of_the_monthly_report_to_the_cent(
    published: Served, trend: dict[date, TrendMonth], segment: str
) -> None:
    assert len(trend) >= 3
    for month, reported in trend.items():
        shown = figures(published.context, segment=segment, first=month, last=month)
        sums = [period.now for period in shown.values if period.now is not None]
        assert sum(part.began for part in sums) == reported.customers
        assert sum(part.voluntary for part in sums) == reported.voluntary_churners
        assert sum(part.involuntary for part in sums) == reported.involuntary_churners
        assert round(sum(part.revenue for part in sums), 2) == round(reported.monthly_revenue, 2)
        assert round(sum(part.revenue_lost for part in sums), 2) == round(reported.monthly_revenue_lost, 2)
        assert shown.whole.now is not None
        assert shown.whole.now.churn_rate == pytest.approx(reported.churn_rate, abs=1e-12)


def test_each_month_ends_where_the_next_begins(published: Served) -> None:
    shown = figures(published.context)
    for segment in ("plan", "tenure"):
        for period in figures(published.context, segment=segment).values:
            rows = figures(published.context, segment=segment, value=period.value).by_month
            for row, after in pairwise(rows):
                assert row.sums.ended == after.sums.began
                assert row.sums.revenue_ended == pytest.approx(after.sums.revenue, abs=0.005)
    assert shown.length == len(shown.by_month)


def test_months_are_compared_with_as_many_before_and_the_same_a_year_before(published: Served) -> None:
    months = figures(published.context).months
    assert len(months) > 15
    shown = figures(published.context, first=months[-3], last=months[-1])
    before = figures(published.context, first=months[-6], last=months[-4])
    year_before = figures(published.context, first=months[-15], last=months[-13])
    assert shown.whole.before == before.whole.now
    assert shown.whole.year_before == year_before.whole.now
    first = figures(published.context, first=months[0], last=months[2])
    assert (first.whole.before, first.whole.year_before) == (None, None)
    odd = figures(published.context, segment="zodiac", value="lion", first=date(1999, 1, 1), last=date(1998, 1, 1))
    assert (odd.segment, odd.value, odd.last) == ("all", "", months[-1])


def test_every_table_is_handed_over_as_csv_and_in_excel(published: Served, visitors: Any) -> None:
    request = visitors(published).sign_in(("read",)).page.request
    shown = figures(published.context, segment="plan")
    tables = figure_tables(published.context, shown).tables
    assert {table.name for table in tables} >= {"by-segment", "customers", "revenue", "survival", "risk"}
    for table in tables:
        answer = request.get(f"{published.address}/figures/{table.name}.csv?by=plan")
        rows = list(csv.reader(io.StringIO(answer.text())))
        assert rows[0] == [column.name for column in table.columns]
        assert len(rows) == 1 + len(table.rows)
        assert request.get(f"{published.address}/figures/{table.name}.xlsx?by=plan").body()[:2] == b"PK"
    assert request.get(f"{published.address}/figures/nothing.csv").status == 404


def test_the_page_of_figures(published: Served, visitors: Any) -> None:
    visitor: Visitor = visitors(published).sign_in(("read",))
    visitor.visit("/figures").see("Churn by month", "Monthly revenue", "Still there after", "At risk now")
    visitor.page.get_by_label("By", exact=True).select_option("tenure")
    visitor.page.get_by_role("button", name="Show").click()
    visitor.see("Churn by time as a customer", "4 to 12 months")
    visitor.page.get_by_role("link", name="over 2 years").click()
    visitor.see("Customers by month: over 2 years")
    visitor.page.wait_for_timeout(300)
    visitor.assert_accessible()
    visitor.screenshot("figures")


def test_before_the_first_publication_the_page_says_what_will_be_there(newcomer: Visitor) -> None:
    newcomer.visit("/figures").see("No figures yet")
    newcomer.assert_accessible()
