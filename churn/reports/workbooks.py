"""What simulations, plans, measurements, explorations and months are as Excel workbooks: the tables that their pages show."""

from __future__ import annotations

from typing import Final

from churn.documents.exploration import ExplorationDocument
from churn.documents.measurement import MeasurementDocument
from churn.documents.month_facts import MonthFacts
from churn.documents.plan import PlanDocument
from churn.documents.sheets import rows_sheet, texts_sheet, values_sheet
from churn.documents.simulation import SimulationDocument
from churn.files import Sheet
from churn.files.columns import Kind

_PROFIT: Final[dict[str, Kind]] = {"low": "money", "median": "money", "high": "money"}
_OPTIMUM: Final[dict[str, Kind]] = {f"optimum_interval_{end}": "money" for end in ("low", "median", "high")}
_RATE: Final[dict[str, Kind]] = {"low": "share", "high": "share"}
_LEDGER: Final[dict[str, Kind]] = {
    f"{part}_{end}": "money" for part in ("promised", "measured") for end in ("value", "low", "high")
}
_REPORTED: Final[dict[str, Kind]] = {
    "realised_value": "money",
    "realised_low": "money",
    "realised_high": "money",
    "expected_low": "money",
    "expected_high": "money",
}
_CURVES: Final = ("churn", "top", "quantiles", "histogram", "box")  # a table of a column's own each


def simulation_sheets(document: SimulationDocument) -> list[Sheet]:
    """Return the answer, the curve with its bands, what matters most, the terms, what is assumed, and whom each step leaves."""
    sheets = [
        values_sheet("Summary", document, kinds=_OPTIMUM, leave_out=["economics", "calibration"]),
        rows_sheet("Curve", document.curve),
        rows_sheet("Bands", document.bands, kinds=_PROFIT),
        rows_sheet("Tornado", document.tornado),
        values_sheet("Terms", document.economics),
        rows_sheet("Audit", document.audit, leave_out=["figures"]),
    ]
    return [*sheets, rows_sheet("Funnel", document.funnel, leave_out=["reasons"])] if document.funnel else sheets


def plan_sheets(document: PlanDocument, assignments: Sheet) -> list[Sheet]:
    """Return the assignments, the campaigns with what they are expected to bring, whom each rule left out, and the words."""
    return [
        assignments,
        rows_sheet("Campaigns", document.campaigns, leave_out=["effect", "earlier_snapshot_dates"]),
        rows_sheet("Left out", document.eligibility),
        values_sheet("Plan", document),
        texts_sheet("In words", "sentence", document.sentences),
    ]


def measurement_sheets(document: MeasurementDocument, effects: Sheet) -> list[Sheet]:
    """Return the effects, what they came to in money, the arms, and the finding in words."""
    names, arms = ("treatment", "holdout"), rows_sheet("Arms", [document.arms.treatment, document.arms.holdout])
    sheets = [effects]
    if document.money is not None:
        sheets.append(values_sheet("Money", document.money))
    return [
        *sheets,
        Sheet("Arms", ("arm", *arms.columns), [(name, *row) for name, row in zip(names, arms.rows, strict=True)], 2),
        texts_sheet(
            "In words", "sentence", [document.words.headline, *(part.sentence for part in document.words.story)]
        ),
    ]


def exploration_sheets(document: ExplorationDocument) -> list[Sheet]:
    """Return the insights, every column with its values, churn along each column, and how columns go together."""
    along = [(column.name, place) for column in document.profile for place in column.churn]
    names = ("label", "rows", "churned", "churn_rate", "low", "high")
    return [
        rows_sheet("Insights", document.insights),
        rows_sheet("Columns", document.profile, leave_out=_CURVES),
        Sheet(
            "Churn along columns",
            ("column", *names),
            [(column, *(getattr(place, name) for name in names)) for column, place in along],
            len(along),
            _RATE,
        ),
        rows_sheet("Pairs", document.association.pairs),
        values_sheet("Summary", document),
    ]


def month_sheets(facts: MonthFacts) -> list[Sheet]:
    """Return the tables of the monthly report: churn by month, cohorts, risk, reasons, campaigns, promises, insights, data."""
    sheets = [values_sheet("Summary", facts.decision)]
    if facts.churn is not None:
        sheets += [values_sheet("Churn", facts.churn), rows_sheet("Churn by month", facts.churn.trend)]
    sheets.append(rows_sheet("Cohorts", facts.cohorts))
    if facts.risk is not None:
        sheets += [rows_sheet("Risk", facts.risk.bands), rows_sheet("Reasons", facts.risk.reasons)]
        if facts.risk.ahead is not None:
            sheets.append(rows_sheet("Months ahead", facts.risk.ahead.bands))
    sheets += [
        rows_sheet("Campaigns", facts.campaigns, kinds=_REPORTED),
        rows_sheet("Promised and kept", facts.ledger, kinds=_LEDGER),
    ]
    if facts.insights is not None:
        sheets.append(rows_sheet("Insights", facts.insights.insights))
    if facts.quality is not None:
        sheets += [
            rows_sheet("Data", facts.quality.sources),
            rows_sheet("Quality rules", facts.quality.checks, leave_out=["example"]),
        ]
    return sheets
