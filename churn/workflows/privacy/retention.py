"""Deletes personal data that is older than [retention] allows, and finishes requests that waited for remote systems."""

from __future__ import annotations

import gzip
import shutil
import time
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from churn.campaigns.customer_list import unused_lists
from churn.context import Context
from churn.errors import ResourceError
from churn.views.serving_files import history_files
from churn.workflows.privacy.erase import finish_requests
from churn.workflows.privacy.files import EXPORTS
from churn.workflows.score.serving_writer import write_history_file

if TYPE_CHECKING:
    from churn.warehouse.connection import Warehouse


_EXPORTS_KEPT = timedelta(days=1)
_LISTS_KEPT = timedelta(days=7)
_HISTORY = ("history.scores", "history.contributions")


def retain(context: Context, *, who: str) -> dict[str, int]:
    """Return how many rows and files of each kind were let go. Raises WarehouseBusy, ResourceError."""
    keep, now = context.settings.retention, context.clock()
    removed: dict[str, int] = {}
    with context.recorded("retain"):
        requests = finish_requests(context, who=who)
        removed["waiting requests finished"] = requests["finished"]
        with context.open_store() as store:
            before = now - timedelta(days=keep.outcome_days)
            removed |= store.privacy.let_go(outcomes_before=before, pushes_before=now - timedelta(days=keep.push_days))
        departed: list[str] = []
        if context.settings.warehouse_path.exists():
            with context.open_warehouse("churn retention") as warehouse:
                removed["scores in the history"] = _old_scores(warehouse, now.date() - timedelta(days=keep.score_days))
                departed = _departed(warehouse, now.date() - timedelta(days=keep.departed_days))
                removed["scores of customers who left"] = _without(warehouse, departed)
        try:
            removed["rows of serving files"] = sum(
                _clean(path, departed) for path in history_files(context.settings.home)
            )
            removed["lists of no campaign"] = _lists(context, now)
            removed["exports and notices"] = _files(context, now, timedelta(days=keep.notice_days))
        except OSError as error:
            raise ResourceError(f"cannot be put away: {error.strerror}", where=str(error.filename)) from error
    return removed


def _old_scores(warehouse: Warehouse, before: date) -> int:
    gone = 0
    for table in _HISTORY:
        if "snapshot_date" in warehouse.columns(table):
            gone += int(warehouse.rows(f"select count(*) from {table} where snapshot_date < ?", [before])[0][0])
            warehouse.execute(f"delete from {table} where snapshot_date < ?", [before])
    return gone


def _departed(warehouse: Warehouse, before: date) -> list[str]:
    """Return who was last scored before a date, that is, was no customer any more since."""
    if not warehouse.has_table(_HISTORY[0]):
        return []
    sql = f"select customer_id from {_HISTORY[0]} group by 1 having max(snapshot_date) < ?"
    return [str(row[0]) for row in warehouse.rows(sql, [before])]


def _without(warehouse: Warehouse, customers: list[str]) -> int:
    gone = 0
    for table in _HISTORY if customers else ():
        if warehouse.has_table(table):
            gone += int(
                warehouse.rows(f"select count(*) from {table} where list_contains(?, customer_id)", [customers])[0][0]
            )
            warehouse.execute(f"delete from {table} where list_contains(?, customer_id)", [customers])
    return gone


def _clean(path: Path, customers: list[str]) -> int:
    """Remove customers who left from one file of past scores."""
    import polars as pl

    if not customers:
        return 0
    frame = pl.read_parquet(path)
    kept = frame.filter(~pl.col("customer_id").is_in(customers))
    if kept.height < frame.height:
        write_history_file(kept, path)
    return frame.height - kept.height


def _files(context: Context, now: datetime, notices: timedelta) -> int:
    """Remove exports that nobody fetched any more, and the files that told a list's readers of an erased record."""
    home, gone = context.settings.home, 0
    for path in sorted((home / EXPORTS).glob("export-*.json")):
        if now - datetime.fromtimestamp(path.stat().st_mtime) > _EXPORTS_KEPT:  # noqa: DTZ006 - only its age counts
            path.unlink(missing_ok=True)
            gone += 1
    with context.open_store() as store:
        done = [
            request for request in store.privacy.requests(is_open=False) if request.kind == "erase" and request.result
        ]
    for request in done:
        if request.finished_at is not None and now - request.finished_at > notices:
            for name in request.result.get("told_in", ()):
                path = home / name
                gone += path.exists()
                path.unlink(missing_ok=True)
    return gone


def _lists(context: Context, now: datetime) -> int:
    """Remove lists of customers that were sent a while ago for a campaign that was then not saved."""
    old = [
        path
        for path in unused_lists(context.settings.home)
        if now - datetime.fromtimestamp(path.stat().st_mtime) > _LISTS_KEPT  # noqa: DTZ006 - only its age counts
    ]
    for path in old:
        path.unlink(missing_ok=True)
    return len(old)


LOG = "churn.log"
_SETTLES_SECONDS = 0.5  # longer than a writer needs to notice, see bootstrap


def prune_home(context: Context) -> dict[str, int]:
    """Return how many of each kind were put away. Raises ResourceError when a file cannot be removed."""
    keep, now, home = context.settings.retention, context.clock(), context.settings.home
    removed: dict[str, int] = {}
    with context.recorded("prune_home"):
        with context.open_store() as store:
            current = store.scores.current_run()
            removed["runs of jobs"] = store.jobs.prune(now - timedelta(days=keep.job_days))
            removed["entries of the workflow ledger"] = store.runs.prune(now - timedelta(days=keep.job_days))
            removed["alerts"] = store.alerts.prune(now - timedelta(days=keep.alert_days))
            removed["events given to webhooks"] = store.webhooks.prune(now - timedelta(days=keep.alert_days))
            removed["answers to repeated writes"] = store.requests.prune(now)
            removed["audit entries"] = store.requests.prune_audit(now - timedelta(days=keep.audit_days))
        try:
            removed["folders of serving files"] = _serving(
                home / "serving", keep.serving_runs, current.run_id if current else None
            )
            removed["logs"] = _rotate(home / LOG, now, int(keep.log_mb * 1_000_000), keep.log_files)
        except OSError as error:
            raise ResourceError(f"cannot be put away: {error.strerror}", where=str(error.filename or home)) from error
    return removed


def _serving(folder: Path, keep: int, current: str | None) -> int:
    """Remove all but the newest folders; that of the current run stays in any case."""
    runs = sorted((run for run in folder.glob("*") if run.is_dir()), key=lambda run: run.stat().st_mtime, reverse=True)
    old = [run for run in runs[keep:] if run.name != current]
    for run in old:
        shutil.rmtree(run)
    return len(old)


def _rotate(log: Path, now: datetime, limit: int, keep: int) -> int:
    """Move a large log away, compressed and dated, and remove the oldest such logs; new lines go to a new file.

    Writers notice the move within a moment, and the file is compressed after that, so no line is lost.
    """
    done = 0
    if log.exists() and log.stat().st_size > limit:
        aside = log.with_name(f"{log.name}.{now:%Y%m%dT%H%M%S}")
        log.rename(aside)
        time.sleep(_SETTLES_SECONDS)
        with aside.open("rb") as source, gzip.open(f"{aside}.gz", "wb") as target:
            shutil.copyfileobj(source, target)
        aside.unlink()
        done = 1
    old = sorted(log.parent.glob(f"{log.name}.*.gz"), reverse=True)[keep:]
    for file in old:
        file.unlink()
    return done + len(old)
