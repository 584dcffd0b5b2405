"""The steps of the retention job: what is older than [retention] allows is put away or deleted."""

from __future__ import annotations

from collections.abc import Mapping

from churn.context import Context
from churn.jobs.job import StepResult
from churn.store.service_records import ScheduledRun
from churn.workflows.privacy import prune_home, retain


def prune(context: Context, run: ScheduledRun) -> StepResult:
    """Prune files, rows and logs."""
    del run
    pruned = prune_home(context)
    if not any(pruned.values()):
        return StepResult(0, "Nothing was old enough to put away.")
    return StepResult(sum(pruned.values()), f"Put away: {_listed(pruned)}.")


def let_go(context: Context, run: ScheduledRun) -> StepResult:
    """Let go of what is older than [retention] allows, and finish requests that a remote system kept waiting."""
    deleted = retain(context, who=run.requested_by)
    if not any(deleted.values()):
        return StepResult(0, "Nothing was old enough to let go.")
    return StepResult(sum(deleted.values()), f"Let go: {_listed(deleted)}.")


def _listed(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count:,} {what}" for what, count in counts.items() if count)
