"""Checks configuration, campaigns, SQL and data quality without changing anything."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from churn.context import Context
from churn.snapshots.dates import default_snapshot_date
from churn.snapshots.point_in_time import Leak, find_leaks, own_features
from churn.snapshots.policy import SnapshotPolicy
from churn.views.open_files import open_files
from churn.warehouse.models.checks import run_checks
from churn.warehouse.models.sql_models import load_models
from churn.workflows.define import CampaignReview, validate_campaigns, validate_programmes
from churn.workflows.reach import Reached, reach_connectors, reach_places

if TYPE_CHECKING:
    from churn.warehouse.models.checks import CheckResult


@dataclass(frozen=True)
class ProjectCheck:
    """What was looked at. `campaigns` holds what is wrong with them and with programmes; `checks` is None when there is no warehouse yet.

    `open_files` are those of the home that other accounts may read; `tried_features` those of the home's SQL that were
    tried point in time, `leaks` what they know too early. `reached` says of what is configured elsewhere whether it answers.
    """

    sources: list[str]
    sql_models: int
    campaigns: CampaignReview
    checks: list[CheckResult] | None
    tried_features: list[str]
    leaks: list[Leak]
    open_files: list[Path]
    reached: list[Reached]


def check_project(context: Context) -> ProjectCheck:
    """Read settings, SQL and campaigns and, when a warehouse exists, run the quality rules as of now.

    The features of the home's SQL are then tried point in time on a sample of customers.
    Raises ConfigError at the first setting or SQL file that cannot be read; of campaigns everything wrong is found.
    """
    settings = context.settings
    models = load_models(settings.home)
    campaigns = validate_campaigns(context)
    campaigns = replace(campaigns, complaints=[*campaigns.complaints, *validate_programmes(context)])
    checks: list[CheckResult] | None = None
    tried: list[str] = []
    leaks: list[Leak] = []
    if settings.warehouse_path.exists():
        with context.open_warehouse("churn check") as warehouse:
            checks = run_checks(warehouse, models, now=context.local_now())
            tried = own_features(models)
            if tried:
                context.progress.step("Trying the features of your SQL point in time")
                day = default_snapshot_date(warehouse, context.today)
                leaks = find_leaks(warehouse, models, SnapshotPolicy.from_settings(settings), day, tried)
    return ProjectCheck(
        sources=sorted(settings.sources),
        sql_models=len(models),
        campaigns=campaigns,
        checks=checks,
        tried_features=tried,
        leaks=leaks,
        open_files=open_files(settings.home),
        reached=[*reach_places(context), *reach_connectors(context)],
    )
