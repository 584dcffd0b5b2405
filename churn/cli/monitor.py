"""The command `churn monitor`: whether the model still holds, and what should follow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from churn.cli.common import Session, command, read_date
from churn.cli.tables import facts, line, percent, table
from churn.errors import DataError
from churn.wording import money
from churn.workflows.monitor.monitor import monitor_model
from churn.workflows.monitor.report import read_monitoring

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


_TITLES = {"act": "ACT", "watch": "watch", "unknown": "unknown", "ok": "ok"}
_SHOWN = 12
_FIGURES = ("auc", "recall", "lift", "slope", "level")


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    command(app)(monitor)


def monitor(
    session: Session,
    date: Annotated[
        str | None, typer.Option(help="As of this day (YYYY-MM-DD); by default the day the data reach.")
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
        found = read_monitoring(session.context, on=day)
        if found is None:
            raise DataError("the monitors have not run yet", where="--last", remedy="Run `churn monitor`.")
        document = found
    else:
        document = monitor_model(session.context, day, retrain=retrain, promote=promote).document
    session.show(document, lambda: _render(document))


def _render(document: Mapping[str, Any]) -> None:
    currency = document["currency"]
    facts([("As of", document["on"]), ("Model", document["model_version"] or "none"), ("Verdict", document["summary"])])
    _show_findings(document["findings"], currency)
    _show_cohorts(document.get("cohorts") or [], document.get("test") or {})
    _show_drift(document.get("data_drift") or {})
    for contest in document.get("contests") or []:
        line(f"Challenger: {contest['sentence']}")
    if document.get("retraining"):
        line(f"Retraining: {document['retraining']['sentence']}")
    if document.get("trained"):
        line(f"Trained: {document['trained']}.")
    if document.get("promoted"):
        line(f"Promoted: {document['promoted']}. `churn models rollback` takes that back.")
    if document.get("waiting_for_approval"):
        line(f"Waits for approval: `churn models promote {document['waiting_for_approval']}`.")


def _show_findings(findings: Sequence[Mapping[str, Any]], currency: str) -> None:
    rows = [
        (
            _TITLES[one["severity"]],
            one["monitor"].replace("_", " "),
            "" if one["money_at_risk"] is None else money(round(one["money_at_risk"]), currency),
            one["sentence"],
        )
        for one in findings[:_SHOWN]
    ]
    title = (
        "Findings, most serious first" if len(findings) <= _SHOWN else f"The {_SHOWN} most serious of {len(findings)}"
    )
    table(title, ["", "monitor", "at risk a month", "what was found"], rows, right=[2])


def _show_cohorts(cohorts: Sequence[Mapping[str, Any]], test: Mapping[str, Any]) -> None:
    if not cohorts:
        return
    rows: list[list[str]] = []
    if test:
        rows.append(["test", "", "", *(_number(test[name][0]) for name in _FIGURES)])
    for cohort in cohorts:
        cells = [cohort["snapshot_date"], f"{cohort['customers']:,}", percent(cohort["churn_rate"])]
        for name in _FIGURES:
            one = cohort["figures"][name]
            mark = {"act": " !", "watch": " ?"}.get(one["severity"], "")
            cells.append(_number(one["value"]) + mark)
        rows.append(cells)
    columns = ["snapshot", "customers", "left", "AUC", "recall", "lift", "slope", "left / expected"]
    table(
        "Cohorts whose labels are final (! beyond the test's range, ? near it)", columns, rows, right=list(range(1, 8))
    )


def _show_drift(found: Mapping[str, Any]) -> None:
    features = [one for one in found.get("features", []) if one["severity"] in {"act", "watch"}]
    if not features:
        return
    rows = [
        (
            one["feature"],
            _TITLES[one["severity"]],
            f"{one['psi']:.2f}",
            f"{one['limit']:.2f}",
            "-" if one["calendar_psi"] is None else f"{one['calendar_psi']:.2f}",
            percent(one["importance"]),
        )
        for one in features[:_SHOWN]
    ]
    season = found.get("calendar_reference") or {}
    columns = ["feature", "", "PSI", "limit", "against the season", "share of the model"]
    table("Features that moved", columns, rows, right=[2, 3, 4, 5])
    line(f"{found['note']}" + (f" The season: {season['name']}." if season else ""))


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
