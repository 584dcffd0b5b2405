"""Judges, from the store, whether the machinery holds: pushes that arrive, and outcomes that come back."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Final

from churn.campaigns.economics import economics_from
from churn.context import Context
from churn.documents.monitoring import Finding
from churn.monitoring.health import AwaitedOutcomes, NewestPush, outcome_findings, push_findings

if TYPE_CHECKING:
    from churn.store.records import SyncRun


_SENT: Final = ("written", "unchanged", "rejected", "cleared")


def machinery_findings(context: Context, now: datetime) -> list[Finding]:
    """Return one finding per destination that was pushed to, and one per campaign of which no outcome came in."""
    with context.open_store() as store:
        runs = [
            run
            for run in store.sync_runs.history(limit=500)
            if run.action == "push" and run.started_at.date() <= now.date()
        ]
        counts = store.assignments.counts()
        heard_of = {count.campaign for count in store.outcomes.counts()}
        plans = {name: store.plans.latest(name) for name in counts}
        measured = {name: store.measurements.latest(name) for name in counts}
    since_close: dict[str, int] = {}
    for name, arms in counts.items():
        plan = plans[name]
        window = plan.window_days if plan else 0
        since_close[name] = (now.date() - arms.last_snapshot_date).days - window
    mature = {name for name, measurement in measured.items() if measurement is not None and measurement.is_mature}
    over = mature | {name for name, days in since_close.items() if days > 0}
    newest = {(run.connector, run.campaign): run for run in reversed(runs)}
    rules = context.settings.monitoring
    pushed = push_findings(
        [_push(run, is_over=run.campaign in over) for run in newest.values()],
        now=now,
        silent_days=rules.sync_silent_days,
        rejected_share=rules.rejected_share,
    )
    awaited = [
        AwaitedOutcomes(
            campaign=name,
            contacted=arms.treatment,
            is_heard_of=name in heard_of,
            days_since_close=since_close[name],
        )
        for name, arms in counts.items()
    ]
    return [*pushed, *outcome_findings(awaited, value_at_stake=economics_from(context.settings).contact_cost)]


def _push(run: SyncRun, *, is_over: bool) -> NewestPush:
    counts = [run.counts.get(result, 0) for result in _SENT]
    return NewestPush(
        connector=run.connector,
        campaign=run.campaign,
        started_at=run.started_at,
        state=run.state,
        rows=sum(count for count in counts if isinstance(count, int)),
        rejected=int(run.counts.get("rejected", 0) or 0),
        run_id=run.run_id,
        is_over=is_over,
    )
