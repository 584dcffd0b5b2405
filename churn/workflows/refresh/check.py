"""Checks the loaded data by the quality rules: a blocking defect stops the work and marks the current list as stale."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

from churn.context import Context
from churn.documents.quality import RuleLevel
from churn.errors import QualityBlocked
from churn.snapshots.dataset import default_snapshot_date
from churn.warehouse.models.checks import run_checks
from churn.warehouse.models.sql_models import load_models
from churn.workflows.refresh.quality import keep_quality

if TYPE_CHECKING:
    from churn.warehouse.connection import Warehouse
    from churn.warehouse.models.checks import CheckResult


@dataclass(frozen=True)
class CheckedData:
    """The rules as of `snapshot_date`; none of them blocks."""

    snapshot_date: date
    checks: list[CheckResult]


def check_data(context: Context, snapshot_date: date | None = None) -> CheckedData:
    """Run every rule as of a date (by default the day after the newest fact); what was run since the load is not again.

    Raises QualityBlocked at a blocking defect: the list in use stays, marked stale.
    """
    with context.recorded("check_data", snapshot_date), context.open_warehouse("churn check") as warehouse:
        day = snapshot_date or default_snapshot_date(warehouse, context.today)
        return CheckedData(day, stop_on_blocked_checks(context, warehouse, day))


def stop_on_blocked_checks(
    context: Context, warehouse: Warehouse, day: date, level: RuleLevel | None = None
) -> list[CheckResult]:
    """Return what the rules (of `level`) find as of `day`. Raises QualityBlocked as `check_data` does."""
    context.progress.step("Checking the data")
    # Freshness is judged as of the day, so that a backfill of an old date is not called stale.
    now = min(context.local_now(), datetime.combine(day, datetime.min.time()) + timedelta(days=1))
    checks = run_checks(warehouse, load_models(context.settings.home), now=now, level=level, reuse=True)
    keep_quality(context, warehouse, checks, as_of=now, with_sources=False)
    blocked = [check for check in checks if check.level == "block" and check.defect_count]
    if not blocked:
        return checks
    first = blocked[0]
    example = ", ".join(f"{name} {value}" for name, value in (first.example or {}).items())
    defects = f"{first.defect_count:,} found, for example {example}"
    with context.open_store() as store:
        current = store.scores.current_run()
        is_aged = current is not None and current.snapshot_date <= day  # a backfill does not make today's list stale
        if is_aged:
            store.scores.mark_stale(f"{first.rule}: {defects}", at=context.clock())
    stays = "The list in use stays, marked stale. " if is_aged else ""
    raise QualityBlocked(
        f"does not hold on {day}: {first.message.rstrip('.')} ({defects})",
        where=f"quality rule {first.rule}",
        remedy=f"{stays}{first.remedy or 'Mend the source and run `churn refresh`, or choose a date that the data cover.'}",
    )
