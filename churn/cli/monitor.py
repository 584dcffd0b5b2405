"""The command `churn monitor`: whether the model still holds, and what should follow."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Final

import typer

from churn.cli.common import Session, command, read_date
from churn.cli.options import DAY
from churn.cli.tables import facts, line, percent, table
from churn.decisions.decay import FIGURES
from churn.decisions.severity import Severity
from churn.documents.monitoring import DataDrift, Finding, MonitoringDocument
from churn.errors import DataError
from churn.views.monitoring import read_monitoring
from churn.wording import money
from churn.workflows.monitor import monitor_model

_TITLES: Final[dict[Severity, str]] = {"act": "ACT", "watch": "watch", "unknown": "unknown", "ok": "ok"}
_SHOWN: Final = 12


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    command(app)(monitor)


def monitor(
    session: Session,
    date: Annotated[
        str | None, typer.Option(metavar=DAY, help="As of this day; by default the day the data reach.")
    ] = None,
    retrain: Annotated[
        bool | None,
        typer.Option(
            "--retrain/--no-retrain",
            help="Train a challenger where the policy asks for one. Default: [monitoring] retrain.",
        ),
    ] = None,
    promote: Annotated[
        bool | None,
        typer.Option(
            "--promote/--no-promote",
            help="Promote a challenger that has surely earned more. Default: [monitoring] promotion.",
        ),
    ] = None,
    last: Annotated[bool, typer.Option("--last", help="Show what the last run found; compute nothing.")] = False,
) -> None:
    """Say whether the model still holds: drift, matured results, skew, turnover, pushes; ranked by money at risk.

    Labels count once they are final. Every alarm has a limit that chance seldom passes; docs/monitoring.md says how
    often. A day in the past is judged by what was known then, and opens no alert.
    """
    day = read_date(date, "--date")
    if last:
        history = read_monitoring(session.context, on=day)
        if history is None:
            raise DataError("the monitors have not run yet", where="--last", remedy="Run `churn monitor`.")
        session.show(history.as_json(), lambda: _render(history.newest))
    else:
        document = monitor_model(session.context, day, retrain=retrain, promote=promote).document
        session.show(document.as_json(), lambda: _render(document))


def _render(document: MonitoringDocument) -> None:
    facts([("As of", document.on), ("Model", document.model_version or "none"), ("Verdict", document.summary)])
    _show_findings(document.findings, document.currency)
    _show_cohorts(document)
    _show_drift(document.data_drift)
    for contest in document.contests:
        line(f"Challenger: {contest.sentence}")
    if document.retraining:
        line(f"Retraining: {document.retraining.sentence}")
    if document.trained:
        line(f"Trained: {document.trained}.")
    if document.promoted:
        line(f"Promoted: {document.promoted}. `churn models rollback` takes that back.")
    if document.waiting_for_approval:
        line(f"Waits for approval: `churn models promote {document.waiting_for_approval}`.")


def _show_findings(findings: Sequence[Finding], currency: str) -> None:
    rows = [
        (
            _TITLES[finding.severity],
            finding.monitor.replace("_", " "),
            "" if finding.money_at_risk is None else money(round(finding.money_at_risk), currency),
            finding.sentence,
        )
        for finding in findings[:_SHOWN]
    ]
    title = (
        "Findings, most serious first" if len(findings) <= _SHOWN else f"The {_SHOWN} most serious of {len(findings)}"
    )
    table(title, ["", "monitor", "at risk a month", "what was found"], rows, right=[2])


def _show_cohorts(document: MonitoringDocument) -> None:
    if not document.cohorts:
        return
    rows: list[list[str]] = []
    if document.test:
        rows.append(["test", "", "", *(_number(document.test[name][0]) for name in FIGURES)])
    for cohort in document.cohorts:
        cells = [str(cohort.snapshot_date), f"{cohort.customers:,}", percent(cohort.churn_rate)]
        for name in FIGURES:
            figure = cohort.figures[name]
            mark = {"act": " !", "watch": " ?"}.get(figure.severity, "")
            cells.append(_number(figure.value) + mark)
        rows.append(cells)
    columns = ["snapshot", "customers", "left", "AUC", "recall", "lift", "slope", "left / expected"]
    table(
        "Cohorts whose labels are final (! beyond the test's range, ? near it)", columns, rows, right=list(range(1, 8))
    )


def _show_drift(drift: DataDrift | None) -> None:
    moved = [feature for feature in drift.features if feature.severity in {"act", "watch"}] if drift else []
    if drift is None or not moved:
        return
    rows = [
        (
            feature.feature,
            _TITLES[feature.severity],
            f"{feature.psi:.2f}",
            f"{feature.limit:.2f}",
            "-" if feature.calendar_psi is None else f"{feature.calendar_psi:.2f}",
            percent(feature.importance),
        )
        for feature in moved[:_SHOWN]
    ]
    season = drift.calendar_reference
    columns = ["feature", "", "PSI", "limit", "against the season", "share of the model"]
    table("Features that moved", columns, rows, right=[2, 3, 4, 5])
    line(drift.note + (f" The season: {season.name}." if season else ""))


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
