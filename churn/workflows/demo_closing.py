"""The end of the demo: the list brought up to the played month, the monitors, what the data say, and the monthly report."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from churn.context import Context
from churn.workflows.demo_campaigns import DemoCampaigns
from churn.workflows.explore_data import ExploreResult, explore_data
from churn.workflows.monitor_model import MonitorResult, monitor_model
from churn.workflows.publish_report import ReportResult, publish_report
from churn.workflows.score_customers import ScoreResult, score_customers


@dataclass(frozen=True)
class DemoClosing:
    """What each stage found."""

    scores: list[ScoreResult]
    monitor: MonitorResult
    explored: ExploreResult
    report: ReportResult
    files: dict[str, Path]


def close_demo(context: Context, campaigns: DemoCampaigns) -> DemoClosing:
    """Score as of the month's end and of the newest fact, monitor, explore, and report the month of the campaigns.

    The clock stands at the end of the played month.
    """
    month = campaigns.played.month
    end = datetime.combine(month.cutoff_date, datetime.min.time())
    later = replace(context, clock=lambda: end)
    # As of the first of the month: the report tells who was at risk when the month ended.
    days = dict.fromkeys((month.cutoff_date.replace(day=1), month.cutoff_date))
    scores = [score_customers(later, snapshot_date=day)[0] for day in days]
    monitor = monitor_model(later)
    explored = explore_data(later)
    report = publish_report(later)
    files = {"report": report.files["report"], "insights": explored.files["page"]}
    return DemoClosing(scores, monitor, explored, report, files)
