"""Loads what is new, checks it, and builds features."""

from churn.workflows.refresh.check import check_data, stop_on_blocked_checks
from churn.workflows.refresh.features import build_features
from churn.workflows.refresh.preview import preview_sources
from churn.workflows.refresh.refresh import RefreshResult, refresh_warehouse

__all__ = [
    "RefreshResult",
    "build_features",
    "check_data",
    "preview_sources",
    "refresh_warehouse",
    "stop_on_blocked_checks",
]
