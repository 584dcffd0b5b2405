"""What stands in the workbooks of simulations, plans and months is what their documents say."""

from __future__ import annotations

import io
import json
from pathlib import Path

import openpyxl
import pytest
from openpyxl import Workbook

from churn.documents.month_facts import MonthFacts
from churn.files import Sheet, workbook_bytes
from churn.reports.workbooks import month_sheets, plan_sheets, simulation_sheets
from churn.workflows.simulate import write_simulation
from tests.documents.samples import plan_document
from tests.reports.documents import document
from tests.reports.test_monthly import NOTHING, full


def read(sheets: list[Sheet], currency: str = "USD") -> Workbook:
    return openpyxl.load_workbook(io.BytesIO(workbook_bytes(sheets, currency=currency)))


def rows(book: Workbook, name: str) -> list[dict[str, object]]:
    head, *values = book[name].values
    return [dict(zip(head, row, strict=True)) for row in values]


def test_a_simulation_has_its_answer_and_every_point_of_its_curve() -> None:
    simulated = document(currency="EUR")
    book = read(simulation_sheets(simulated), simulated.currency)
    summary = {row["what"]: row["value"] for row in rows(book, "Summary")}
    assert summary["net_profit"] == pytest.approx(float(simulated.net_profit), abs=1e-9)
    assert summary["sentence"] == simulated.sentence
    curve = rows(book, "Curve")
    assert [row["net_profit"] for row in curve] == [cut.net_profit for cut in simulated.curve]
    assert [row["threshold"] for row in curve] == [cut.threshold for cut in simulated.curve]
    money = next(cell for cell in book["Summary"]["A"] if cell.value == "net_profit").row
    assert book["Summary"].cell(money, 2).number_format == "[$EUR] #,##0.00"
    assert book["Bands"]["D2"].number_format == "[$EUR] #,##0.00"


def test_a_simulation_is_written_by_its_ending(tmp_path: Path) -> None:
    path = write_simulation(None, document(), tmp_path / "a.xlsx")  # type: ignore[arg-type]  # a page alone needs the home
    assert openpyxl.load_workbook(path).sheetnames[:2] == ["Summary", "Curve"]


def test_a_plan_has_its_assignments_and_what_each_campaign_is_expected_to_bring() -> None:
    planned = plan_document()
    book = read(plan_sheets(planned, Sheet("Assignments", ("customer_id", "arm"), [("C1", "treatment")])))
    assert rows(book, "Assignments") == [{"customer_id": "C1", "arm": "treatment"}]
    (row,) = rows(book, "Campaigns")
    assert row["expected_profit"] == planned.campaigns[0].expected.profit
    assert row["expected_profit_interval_low"] == planned.campaigns[0].expected.profit_interval.low


@pytest.mark.parametrize("facts", [full(), NOTHING], ids=["full", "nothing"])
def test_a_month_is_the_same_workbook_from_its_facts_as_they_were_kept(facts: MonthFacts) -> None:
    kept = MonthFacts.read(json.loads(json.dumps(facts.as_json())), where="facts")
    book = read(month_sheets(kept), facts.currency)
    if facts.churn is not None:
        trend = rows(book, "Churn by month")
        assert [row["monthly_revenue_lost"] for row in trend] == [m.monthly_revenue_lost for m in facts.churn.trend]
        assert [row["churn_rate"] for row in trend] == [m.churn_rate for m in facts.churn.trend]
    if facts.risk is not None:
        assert [row["customers"] for row in rows(book, "Risk")] == [band.customers for band in facts.risk.bands]
