"""Documents of the monitors for tests that keep or show them."""

from __future__ import annotations

from datetime import date, datetime, time

from churn.decisions.severity import Severity
from churn.documents.monitoring import Finding, MonitoringDocument


def finding(monitor: str, severity: Severity, sentence: str, money_at_risk: float | None = None) -> Finding:
    return Finding(
        monitor=monitor, subject="a subject", severity=severity, sentence=sentence, money_at_risk=money_at_risk
    )


def monitoring_document(
    on: date, *findings: Finding, severity: Severity = "ok", summary: str = "Well."
) -> MonitoringDocument:
    """A day on which nobody looked at a model."""
    midnight = datetime.combine(on, time())
    return MonitoringDocument(
        on=on,
        data_cutoff=midnight,
        monitored_at=midnight,
        model_version="m",
        customers=1_000,
        currency="USD",
        severity=severity,
        summary=summary,
        findings=findings,
    )
