"""Keeps what was begun in step: campaigns that run are planned again, pushed, asked for outcomes, and measured."""

from churn.workflows.keep_campaigns.keep import (
    Kept,
    destinations,
    pull_all_outcomes,
    remeasure_campaigns,
    replan_campaigns,
    resync_campaigns,
)

__all__ = [
    "Kept",
    "destinations",
    "pull_all_outcomes",
    "remeasure_campaigns",
    "replan_campaigns",
    "resync_campaigns",
]
