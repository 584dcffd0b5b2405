"""Keeps running campaigns up to date: plans them again, pushes them, pulls their outcomes, and measures them."""

from churn.workflows.keep_campaigns.keep import (
    Kept,
    destinations,
    plan_programmes,
    pull_all_outcomes,
    remeasure_campaigns,
    replan_campaigns,
    resync_campaigns,
)

__all__ = [
    "Kept",
    "destinations",
    "plan_programmes",
    "pull_all_outcomes",
    "remeasure_campaigns",
    "replan_campaigns",
    "resync_campaigns",
]
