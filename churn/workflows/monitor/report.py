"""Puts what the monitors found into one document, keeps it, and raises or resolves the alerts that follow."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, Final

from churn.context import Context
from churn.monitoring.findings import Finding, ranked, worst
from churn.workflows.monitor.seen import MonitorResult

if TYPE_CHECKING:
    from churn.store import Store
    from churn.store.records import Severity as AlertSeverity
    from churn.workflows.monitor.renew import Renewal
    from churn.workflows.monitor.seen import Seen


# Which findings make an alert, and how serious it is. Hints and what is only to be watched make none, but where a
# person has to do something.
ALERTS: Final[dict[str, tuple[str, AlertSeverity]]] = {
    "concept_drift": ("act", "critical"),
    "data_drift": ("act", "warning"),
    "score_drift": ("act", "warning"),
    "label_drift": ("act", "warning"),
    "skew": ("act", "critical"),
    "sync": ("act", "warning"),
    "challenger": ("watch", "info"),
}
KIND: Final = "monitoring"
_MOST_FEATURES = 3  # named in one alert


def finish(context: Context, seen: Seen, renewal: Renewal) -> MonitorResult:
    """Write the document to the store and settle the alerts; return what the monitors found."""
    findings = ranked([*seen.findings, *renewal.findings])
    severity = worst([finding.severity for finding in findings if finding.monitor != "estimated"])
    document = {
        "on": str(seen.on),
        "data_cutoff": seen.cutoff.isoformat(),
        "monitored_at": context.clock().isoformat(),
        "model_version": seen.version.version if seen.version else None,
        "customers": seen.customers,
        "currency": context.settings.business.currency,
        "severity": severity,
        "summary": summary(findings, severity),
        "findings": [finding.to_dict() for finding in findings],
        **seen.parts,
        "retraining": renewal.decision.to_dict() if renewal.decision else None,
        "contests": [one.to_dict() for one in renewal.contests],
        "trained": renewal.trained,
        "promoted": renewal.promoted,
        "waiting_for_approval": renewal.waiting,
    }
    with context.open_store() as store:
        newest = store.monitoring.latest()
        number = store.monitoring.save(
            seen.on,
            model_version=seen.version.version if seen.version else None,
            severity=severity,
            trend=trend_rows(document),
            document=document,
            at=context.clock(),
        )
        if newest is None or newest.on_date <= seen.on:  # looking back opens no alarm of today
            _settle(store, findings, renewal, context.clock())
    return MonitorResult(seen.on, severity, document, number, renewal.trained, renewal.promoted)


def summary(findings: Sequence[Finding], severity: str) -> str:
    """Return the verdict in one sentence: what to look at first, or that all is well."""
    first = ranked(findings)[0] if findings else None
    if severity == "ok" or first is None:
        return "Nothing to do: no monitor found more than chance explains."
    if severity == "unknown":
        return first.sentence
    count = sum(finding.severity in {"act", "watch"} for finding in findings)
    more = f" ({count - 1} more to look at)" if count > 1 else ""
    return f"{first.sentence}{more}"


def trend_rows(document: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the few figures that charts draw over many days: monitor, subject, value, low, high, limit, severity."""
    rows = [
        _row(f["monitor"], f["subject"], f["value"], limit=f["limit"], severity=f["severity"])
        for f in document["findings"]
        if f["monitor"] in {"score_drift", "label_drift", "turnover", "skew", "concept_drift"}
    ]
    features = (document.get("data_drift") or {}).get("features", [])
    if features:
        acting = sum(one["severity"] == "act" for one in features)
        watched = sum(one["severity"] == "watch" for one in features)
        rows.append(_row("data_drift", "features at act", float(acting)))
        rows.append(_row("data_drift", "features at watch", float(watched)))
    for cohort in document.get("cohorts", []):
        for name, one in cohort["figures"].items():
            low, high = one["interval"]
            row = _row("cohort", name, one["value"], low=low, high=high, severity=one["severity"])
            rows.append(row | {"on": cohort["snapshot_date"], "test": one["test"], "limits": one["limits"]})
        rows.append(_row("cohort", "churn_rate", cohort["churn_rate"]) | {"on": cohort["snapshot_date"]})
    for name, value in (document.get("estimated") or {}).items():
        if isinstance(value, float) and name in {"auc", "churn_rate"}:
            rows.append(_row("estimated", name, value))
    return rows


def _row(
    monitor: str,
    subject: str,
    value: float | None,
    *,
    low: float | None = None,
    high: float | None = None,
    limit: float | None = None,
    severity: str | None = None,
) -> dict[str, Any]:
    return {
        "monitor": monitor,
        "subject": subject,
        "value": value,
        "low": low,
        "high": high,
        "limit": limit,
        "severity": severity,
    }


def _settle(store: Store, findings: Sequence[Finding], renewal: Renewal, at: datetime) -> None:
    """Raise one alert per monitor that has something to act on, and resolve those that have nothing any more."""
    for monitor, (least, severity) in ALERTS.items():
        told = [f for f in findings if f.monitor == monitor and f.severity in {"act", least}]
        if monitor == "concept_drift" and renewal.promoted is not None:
            told = []  # it was answered: whether the new champion does better, the next cohort will show
        if told:
            store.alerts.raise_(KIND, monitor, severity, _message(told), at)
        else:
            store.alerts.resolve(KIND, monitor, at)
    if (
        renewal.decision is not None
        and renewal.decision.is_due
        and renewal.trained is None
        and renewal.promoted is None
    ):
        text = f"{renewal.decision.sentence} Run `churn monitor --retrain`."
        store.alerts.raise_(KIND, "retraining", "warning", text, at)
    else:
        store.alerts.resolve(KIND, "retraining", at)


def _message(told: Sequence[Finding]) -> str:
    text = " ".join(finding.sentence for finding in told[:_MOST_FEATURES])
    more = len(told) - _MOST_FEATURES
    return f"{text} And {more} more." if more > 0 else text


def read_monitoring(context: Context, *, on: date | None = None, days: int = 90) -> dict[str, Any] | None:
    """Return the newest findings (of `on` or before) and the trend of the days until then; None before the first run."""
    with context.open_store() as store:
        newest = store.monitoring.latest(on=on)
        if newest is None:
            return None
        history = [run for run in store.monitoring.list(limit=days) if run.on_date <= newest.on_date]
    return newest.document | {
        "history": [
            {"on": str(run.on_date), "model_version": run.model_version, "severity": run.severity, "rows": run.trend}
            for run in reversed(history)
        ]
    }
