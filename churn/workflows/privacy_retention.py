"""Lets go of personal data that is older than [retention] allows, and finishes what remote systems kept waiting."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from churn.context import Context
from churn.errors import ResourceError
from churn.views.serving_files import history_files, write_history_file
from churn.workflows.privacy_erase import finish_requests
from churn.workflows.privacy_files import EXPORTS

if TYPE_CHECKING:
    from churn.warehouse.connection import Warehouse

_EXPORTS_KEPT = timedelta(days=1)
_HISTORY = ("history.scores", "history.contributions")


def retain(context: Context, *, who: str) -> dict[str, int]:
    """Return how many rows and files of each kind were let go. Raises WarehouseBusy, ResourceError."""
    keep, now = context.settings.retention, context.clock()
    found: dict[str, int] = {}
    with context.recorded("retain"):
        told = finish_requests(context, who=who)
        found["waiting requests finished"] = told["finished"]
        with context.open_store() as store:
            before = now - timedelta(days=keep.outcome_days)
            found |= store.privacy.let_go(outcomes_before=before, pushes_before=now - timedelta(days=keep.push_days))
        departed: list[str] = []
        if context.settings.warehouse_path.exists():
            with context.open_warehouse("churn retention") as warehouse:
                found["scores in the history"] = _old_scores(warehouse, now.date() - timedelta(days=keep.score_days))
                departed = _departed(warehouse, now.date() - timedelta(days=keep.departed_days))
                found["scores of customers who left"] = _without(warehouse, departed)
        try:
            found["rows of serving files"] = sum(
                _clean(path, departed) for path in history_files(context.settings.home)
            )
            found["exports and notices"] = _files(context, now, timedelta(days=keep.notice_days))
        except OSError as error:
            raise ResourceError(f"cannot be put away: {error.strerror}", where=str(error.filename)) from error
    return found


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
    """Take those who left out of one file of past scores."""
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
        done = [one for one in store.privacy.requests(is_open=False) if one.kind == "erase" and one.result]
    for one in done:
        if one.finished_at is not None and now - one.finished_at > notices:
            for name in one.result.get("told_in", ()):
                path = home / name
                gone += path.exists()
                path.unlink(missing_ok=True)
    return gone
