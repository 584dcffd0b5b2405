"""Writes the monthly report."""

from churn.workflows.report.publish import ReportResult, publish_report

__all__ = [
    "ReportResult",
    "publish_report",
]
