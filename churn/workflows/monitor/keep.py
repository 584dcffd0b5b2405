"""Puts what the monitors found into one document, keeps it, and raises or resolves the alerts that follow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final

from churn.context import Context
from churn.decisions.severity import Severity
from churn.documents.monitoring import (
    CohortResults,
    CohortTrend,
    DailyTrend,
    Finding,
    MonitoringDocument,
    RateTrend,
    TrendRow,
)
from churn.monitoring.findings import ranked, worst
from churn.views.champion import tells_money
from churn.workflows.monitor.looks import ModelLook
from churn.workflows.monitor.observation import Observation
from churn.workflows.monitor.renew import Renewal

if TYPE_CHECKING:
    from churn.store import Store
    from churn.store.records import AlertSeverity


# Which findings make an alert, and how serious it is. Hints and what is only to be watched make none, but where a
# person has to do something.
ALERTS: Final[dict[str, tuple[Severity, AlertSeverity]]] = {
    "concept_drift": ("act", "critical"),
    "data_drift": ("act", "warning"),
    "score_drift": ("act", "warning"),
    "label_drift": ("act", "warning"),
    "skew": ("act", "critical"),
    "sync": ("act", "warning"),
    "challenger": ("watch", "info"),
}
KIND: Final = "monitoring"
_MOST_FEATURES: Final = 3  # named in one alert
_FOLLOWED: Final = frozenset({"score_drift", "label_drift", "turnover", "skew", "concept_drift"})


@dataclass(frozen=True)
class MonitorResult:
    """What the monitors found as of a day, and the number under which the store keeps it."""

    document: MonitoringDocument
    monitoring_id: int


def finish(context: Context, observation: Observation, renewal: Renewal) -> MonitorResult:
    """Write the document to the store and settle the alerts; return what the monitors found."""
    document = _document(context, observation, renewal)
    with context.open_store() as store:
        newest = store.monitoring.latest()
        number = store.monitoring.save(document, trend_rows(document))
        if newest is None or newest.on <= observation.on:  # a look back opens no alerts
            _settle(store, document.findings, renewal, context.clock())
    return MonitorResult(document, number)


def _document(context: Context, observation: Observation, renewal: Renewal) -> MonitoringDocument:
    findings = [*observation.findings, *renewal.findings]
    if observation.version is not None and not tells_money(observation.version):
        measured = {*observation.machinery}
        findings = [
            finding if finding in measured or finding.monitor == "label_drift" else finding.without_money()
            for finding in findings
        ]
    findings = ranked(findings)
    severity = worst([finding.severity for finding in findings if finding.monitor != "estimated"])
    look = observation.look if isinstance(observation.look, ModelLook) else None
    return MonitoringDocument(
        on=observation.on,
        data_cutoff=context.utc_of(observation.cutoff),
        monitored_at=context.clock(),
        model_version=observation.version.version if observation.version else None,
        customers=look.customers if look else 0,
        currency=context.settings.business.currency,
        severity=severity,
        summary=summary(findings, severity),
        findings=tuple(findings),
        data_drift=look.features.drift if look else None,
        estimated=look.scores.estimated if look else None,
        scores=look.scores.means if look else None,
        cohorts=tuple(cohort.results() for cohort in look.cohorts.cohorts) if look else None,
        test={name: (test.value, *test.interval()) for name, test in look.cohorts.test.items()} if look else None,
        training_churn_rates=look.cohorts.training_rates if look else None,
        turnover=look.list_runs if look else None,
        retraining=renewal.decision,
        contests=renewal.contests,
        trained=renewal.trained,
        promoted=renewal.promoted,
        waiting_for_approval=renewal.waiting,
    )


def summary(findings: Sequence[Finding], severity: Severity) -> str:
    """Return the verdict in one sentence: what to look at first, or that all is well."""
    first = ranked(findings)[0] if findings else None
    if severity == "ok" or first is None:
        return "Nothing to do: no monitor found more than chance explains."
    if severity == "unknown":
        return first.sentence
    count = sum(finding.severity in {"act", "watch"} for finding in findings)
    more = f" ({count - 1} more to look at)" if count > 1 else ""
    return f"{first.sentence}{more}"


def trend_rows(document: MonitoringDocument) -> list[TrendRow]:
    """Return the few figures of a day that are followed over many days."""
    rows: list[TrendRow] = [
        DailyTrend(
            monitor=finding.monitor,
            subject=finding.subject,
            value=finding.value,
            limit=finding.limit,
            severity=finding.severity,
        )
        for finding in document.findings
        if finding.monitor in _FOLLOWED
    ]
    features = document.data_drift.features if document.data_drift else ()
    if features:
        for severity in ("act", "watch"):
            count = sum(feature.severity == severity for feature in features)
            rows.append(DailyTrend(monitor="data_drift", subject=f"features at {severity}", value=float(count)))
    for cohort in document.cohorts or ():
        rows += _cohort_rows(cohort)
    if document.estimated is not None:
        for subject, value in (("auc", document.estimated.auc), ("churn_rate", document.estimated.churn_rate)):
            rows.append(DailyTrend(monitor="estimated", subject=subject, value=value))
    return rows


def _cohort_rows(cohort: CohortResults) -> list[TrendRow]:
    figures: list[TrendRow] = [
        CohortTrend(
            monitor="cohort",
            subject=name,
            value=figure.value,
            low=figure.interval[0],
            high=figure.interval[1],
            severity=figure.severity,
            on=cohort.snapshot_date,
            test=figure.test,
            limits=figure.limits,
        )
        for name, figure in cohort.figures.items()
    ]
    rate = RateTrend(monitor="cohort", subject="churn_rate", value=cohort.churn_rate, on=cohort.snapshot_date)
    return [*figures, rate]


def _settle(store: Store, findings: Sequence[Finding], renewal: Renewal, at: datetime) -> None:
    """Raise one alert per monitor that has something to act on, and resolve those that have nothing any more."""
    for monitor, (least, severity) in ALERTS.items():
        alarming = [f for f in findings if f.monitor == monitor and f.severity in {"act", least}]
        if monitor == "concept_drift" and renewal.promoted is not None:
            alarming = []  # answered by the training; the next cohort shows the result
        if alarming:
            store.alerts.raise_(KIND, monitor, severity, _message(alarming), at)
        else:
            store.alerts.resolve(KIND, monitor, at)
    decision = renewal.decision
    if decision is not None and decision.is_due and renewal.trained is None and renewal.promoted is None:
        store.alerts.raise_(KIND, "retraining", "warning", f"{decision.sentence} Run `churn monitor --retrain`.", at)
    else:
        store.alerts.resolve(KIND, "retraining", at)


def _message(findings: Sequence[Finding]) -> str:
    text = " ".join(finding.sentence for finding in findings[:_MOST_FEATURES])
    more = len(findings) - _MOST_FEATURES
    return f"{text} And {more} more." if more > 0 else text
