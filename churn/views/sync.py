"""Reads how far each CRM is in step: its runs, what it holds of ours, what it refuses, what is overdue."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from churn.context import Context
from churn.files import TABLES, check_ending, write_frame
from churn.store.records import Rejection

if TYPE_CHECKING:
    from churn.store.records import MappingChange, SyncRun

OVERDUE_DAYS = 3  # without a push that went through, somebody should look


@dataclass(frozen=True)
class SyncDestination:
    """A campaign in a CRM: how many records it holds of ours, and how many it refuses.

    `last_done_at`: the last push that went through, all of it or but for some rows; `last_in_step_at`: the last after
    which nothing was refused or left.
    """

    connector: str
    campaign: str
    records: int
    rejected: int
    last_done_at: datetime | None
    is_overdue: bool
    last_in_step_at: datetime | None


@dataclass(frozen=True)
class SyncStatus:
    """Destinations with what they hold, runs (newest first), every change of mapping, and how many rows are refused."""

    destinations: list[SyncDestination]
    runs: list[SyncRun]
    mapping_changes: list[MappingChange]
    rejected: int


@dataclass(frozen=True)
class RejectedRows:
    """The rows that CRMs refuse, with their own words, and the file they were written to."""

    rejected: int
    rows: list[Rejection]
    file: Path | None


def sync_status(
    context: Context, *, campaign: str | None = None, connector: str | None = None, limit: int = 20
) -> SyncStatus:
    """Return how far each CRM is in step; of one campaign or connector, or of all."""
    with context.open_store() as store:
        runs = store.sync_runs.history(connector=connector, campaign=campaign, limit=limit)
        every = store.sync_runs.history(connector=connector, campaign=campaign, limit=None)
        pairs = sorted({(run.connector, run.campaign) for run in every if run.action == "push"})
        rejections = store.crm.rejections(connector, campaign)
        destinations = []
        for name, pushed in pairs:
            last = store.sync_runs.last_done(name, pushed)
            whole = store.sync_runs.last_done(name, pushed, is_whole=True)
            destinations.append(
                SyncDestination(
                    connector=name,
                    campaign=pushed,
                    records=store.crm.campaigns(name).get(pushed, 0),
                    rejected=sum(r.connector == name and r.campaign == pushed for r in rejections),
                    last_done_at=last.started_at if last else None,
                    is_overdue=_is_overdue(last.started_at if last else None, context.clock()),
                    last_in_step_at=whole.started_at if whole else None,
                )
            )
        changes = store.sync_runs.mapping_changes(connector, campaign)
    return SyncStatus(destinations, runs, changes, len(rejections))


def rejected_rows(
    context: Context, *, campaign: str | None = None, connector: str | None = None, out: Path | None = None
) -> RejectedRows:
    """Return the rows that CRMs refuse, with their own words; write them to a table if asked. Raises ConfigError."""
    with context.open_store() as store:
        rejections = store.crm.rejections(connector, campaign)
    if out is not None:
        check_ending(out, TABLES, where="--out")
        _write(out, rejections)
    return RejectedRows(len(rejections), rejections, out)


def _write(out: Path, rejections: list[Rejection]) -> None:
    import polars as pl

    names = [field.name for field in fields(Rejection)]
    schema = {
        name: pl.Datetime("us") if name.endswith("_at") else pl.Int64 if name == "attempts" else pl.String
        for name in names
    } | {"is_held": pl.Boolean}
    rows = [{name: getattr(rejection, name) for name in names} for rejection in rejections]
    write_frame(out, pl.DataFrame(rows, schema=schema))


def _is_overdue(last: datetime | None, now: datetime) -> bool:
    return last is None or (now - last).days >= OVERDUE_DAYS
