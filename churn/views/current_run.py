"""The published run behind the current list, and what every answer that holds a score says of it."""

from __future__ import annotations

from datetime import date, datetime
from typing import TYPE_CHECKING, TypedDict

from churn.errors import DataError, NotFound
from churn.languages.words import tr

if TYPE_CHECKING:
    from churn.store import ScoreRun


def current_run(run: ScoreRun | None) -> ScoreRun:
    """Return `run`. Raises DataError where there is none yet."""
    if run is None:
        raise DataError(tr("no scores are published yet"), where="risk list", remedy=tr("Run `churn score` first."))
    return run


def not_listed(run: ScoreRun) -> NotFound:
    """Return the error for a customer who is not on the list of `run`."""
    where = tr("list of {snapshot_date}", snapshot_date=run.snapshot_date)
    return NotFound(tr("the customer is not on the current list"), where=where, remedy=tr("Not active then."))


class RunFacts(TypedDict):
    """What every answer that holds a score says of its run."""

    scored_at: datetime
    snapshot_date: date
    model_version: str
    data_cutoff: datetime
    run_id: str
    is_stale: bool
    stale_reason: str | None


def run_facts(run: ScoreRun) -> RunFacts:
    """Return what every answer that holds a score must say of its run."""
    return {
        "scored_at": run.scored_at,
        "snapshot_date": run.snapshot_date,
        "model_version": run.model_version,
        "data_cutoff": run.data_cutoff,
        "run_id": run.run_id,
        "is_stale": run.is_stale,
        "stale_reason": run.stale_reason,
    }
