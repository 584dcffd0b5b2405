"""Checks configuration, SQL and data quality without changing anything."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from churn.workflows.context import Context

if TYPE_CHECKING:
    from churn.warehouse.checks import CheckResult


@dataclass(frozen=True)
class ProjectCheck:
    """What was looked at. `checks` is None when there is no warehouse yet."""

    sources: list[str]
    sql_models: int
    checks: list[CheckResult] | None


def check_project(context: Context) -> ProjectCheck:
    """Read settings, SQL and, when a warehouse exists, run the quality rules as of now.

    Raises ConfigError at the first thing that cannot be read.
    """
    from churn.warehouse.checks import run_checks
    from churn.warehouse.sql_models import load_models

    settings = context.settings
    models = load_models(settings.home)
    checks = None
    if settings.warehouse_path.exists():
        with context.open_warehouse("churn check") as warehouse:
            checks = run_checks(warehouse, models, now=context.clock())
    return ProjectCheck(sources=sorted(settings.sources), sql_models=len(models), checks=checks)
