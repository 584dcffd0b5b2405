"""Explores the data: profile and insights."""

from churn.workflows.explore.explore import ExploreResult, explore_data

__all__ = ["ExploreResult", "explore_data"]
