"""The retention job: what is older than [retention] allows is put away."""

from __future__ import annotations

from churn.context import Context
from churn.jobs.outcome import StepOutcome
from churn.store.records import ScheduledRun
from churn.workflows.privacy.retention import prune_home


def prune(context: Context, run: ScheduledRun) -> StepOutcome:
    """Prune files, rows and logs."""
    del run
    found = prune_home(context)
    told = ", ".join(f"{count:,} {what}" for what, count in found.items() if count)
    return StepOutcome(sum(found.values()), f"Put away: {told}." if told else "Nothing was old enough to put away.")
