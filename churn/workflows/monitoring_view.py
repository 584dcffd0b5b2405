"""The monitors' last findings as a page shows them: a verdict, sentences ranked by money, tables, and charts with words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from churn.context import Context
from churn.reports.monitoring_charts import churn_chart, cohort_chart, drift_chart, trend_chart
from churn.wording import money, percent
from churn.workflows.monitor.report import read_monitoring

if TYPE_CHECKING:
    from churn.reports.charts.svg import Figure


TITLES: Final = {
    "concept_drift": "Results on matured labels",
    "data_drift": "Customers' data",
    "score_drift": "Scores",
    "label_drift": "Churn rate",
    "estimated": "Estimate before labels mature",
    "skew": "A past night, computed again",
    "turnover": "Turnover of the risk list",
    "sync": "Pushes to a CRM",
    "outcomes": "Outcomes of campaigns",
    "challenger": "Challenger",
    "retraining": "Retraining",
    "model": "Model",
}
VERDICTS: Final = {"act": "Act", "watch": "Watch", "ok": "Holds", "unknown": "Not known yet"}
FIGURES: Final = {"auc": "AUC", "recall": "Recall", "lift": "Lift of the top tenth", "slope": "Calibration slope", "level": "Left per expected"}  # fmt: skip
_MOST_DRIFTED = 10


def monitoring_view(context: Context, *, with_charts: bool = True) -> dict[str, Any]:
    """Return what the Model page shows of monitoring; `is_empty` with what to do where the monitors never ran.

    Keys: is_empty, empty (title, text); verdict, severity, summary, on, model_version; findings (title, severity,
    sentence, money, subject); cohorts (columns as text), drifted (rows), retraining, contests, waiting, charts (by name:
    cohort, churn, drift, trend; each a Figure), note.
    """
    found = read_monitoring(context)
    if found is None:
        text = "Run `churn monitor`, or let the nightly job do it: it says whether the model still holds."
        return {"is_empty": True, "empty": {"title": "The monitors have not run yet", "text": text}}
    currency = found["currency"]
    return {
        "is_empty": False,
        "severity": found["severity"],
        "verdict": VERDICTS[found["severity"]],
        "summary": found["summary"],
        "on": found["on"],
        "model_version": found["model_version"],
        "findings": [_finding(one, currency) for one in found["findings"]],
        "cohorts": [_cohort(one) for one in found.get("cohorts") or []],
        "test": {name: _plain(values[0]) for name, values in (found.get("test") or {}).items()},
        "drifted": [_feature(one) for one in _moved(found)],
        "retraining": found.get("retraining"),
        "contests": found.get("contests") or [],
        "waiting": found.get("waiting_for_approval"),
        "note": (found.get("data_drift") or {}).get("note"),
        "charts": charts(found) if with_charts else {},
    }


def charts(found: Mapping[str, Any]) -> dict[str, Figure]:
    """Return the charts that there is anything to draw for, by name; page and report draw the same."""
    made: dict[str, Figure] = {}
    cohorts = _all_cohorts(found)
    if cohorts:
        last = cohorts[-1]
        describe = (
            f"AUC of {len(cohorts)} matured cohorts; the newest, {last['on']}, has {last['value']:.3f}, "
            f"{'outside' if last['severity'] == 'act' else 'within'} what the test allows."
        )
        made["cohort"] = cohort_chart(cohorts, title="AUC", share=False, describe=describe)
    rates = [
        {
            "on": one["snapshot_date"],
            "left": one["churn_rate"],
            "expected": one["expected_churners"] / max(one["customers"], 1),
        }
        for one in found.get("cohorts") or []
    ]
    if rates:
        describe = f"Of the newest matured cohort {percent(rates[-1]['left'])} left, {percent(rates[-1]['expected'])} were expected to."
        made["churn"] = churn_chart(rates, describe=describe)
    moved = _moved(found)
    if moved:
        describe = f"{len(moved)} features moved most; first {moved[0]['feature']} with a PSI of {moved[0]['psi']:.2f}."
        made["drift"] = drift_chart(moved, describe=describe)
    trend = _trend(found, "score_drift", "churn probability")
    if len(trend) > 1:
        describe = f"PSI of the scores over {len(trend)} days, now {trend[-1]['value']:.2f}."
        made["trend"] = trend_chart(trend, title="PSI of the scores", share=False, describe=describe)
    return made


def _all_cohorts(found: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the AUC of each cohort as the newest run of this model that looked at it told, oldest first."""
    rows: dict[str, dict[str, Any]] = {}
    for run in found.get("history") or []:
        if run["model_version"] != found["model_version"]:
            continue
        for row in run["rows"]:
            if row["monitor"] == "cohort" and row["subject"] == "auc" and row["value"] is not None:
                floor, ceiling = row["limits"]
                kept = {key: row[key] for key in ("on", "value", "low", "high", "severity")}
                rows[row["on"]] = kept | {"floor": floor, "ceiling": ceiling}
    return [rows[day] for day in sorted(rows)]


def _trend(found: Mapping[str, Any], monitor: str, subject: str) -> list[dict[str, Any]]:
    return [
        {"on": run["on"], "value": row["value"], "limit": row["limit"]}
        for run in found.get("history") or []
        for row in run["rows"]
        if row["monitor"] == monitor and row["subject"] == subject and row["value"] is not None
    ]


def _moved(found: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    features = (found.get("data_drift") or {}).get("features") or []
    return [one for one in features if one["severity"] in {"act", "watch"}][:_MOST_DRIFTED]


def _finding(one: Mapping[str, Any], currency: str) -> dict[str, Any]:
    at_risk = one["money_at_risk"]
    return {
        "title": TITLES.get(one["monitor"], one["monitor"]),
        "monitor": one["monitor"],
        "subject": one["subject"],
        "severity": one["severity"],
        "verdict": VERDICTS[one["severity"]],
        "sentence": one["sentence"],
        "money": None if at_risk is None else money(round(at_risk), currency),
    }


def _cohort(one: Mapping[str, Any]) -> dict[str, Any]:
    figures = {
        name: {"text": _plain(one["figures"][name]["value"]), "severity": one["figures"][name]["severity"]}
        for name in FIGURES
        if name in one["figures"]
    }
    return {
        "snapshot_date": one["snapshot_date"],
        "matured_on": one["matured_on"],
        "customers": f"{one['customers']:,}",
        "churn_rate": percent(one["churn_rate"]),
        "severity": one["severity"],
        "figures": figures,
    }


def _feature(one: Mapping[str, Any]) -> dict[str, Any]:
    calendar = one["calendar_psi"]
    return {
        "feature": one["feature"],
        "severity": one["severity"],
        "psi": f"{one['psi']:.2f}",
        "limit": f"{one['limit']:.2f}",
        "season": "-" if calendar is None else f"{calendar:.2f}",
        "importance": "-" if one["importance"] is None else percent(one["importance"]),
    }


def _plain(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
