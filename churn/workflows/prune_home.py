"""Puts away what is older than [retention] allows: serving files, ledger rows, events sent, answers kept, alerts, logs."""

from __future__ import annotations

import gzip
import shutil
import time
from datetime import datetime, timedelta
from pathlib import Path

from churn.context import Context
from churn.errors import ResourceError

LOG = "churn.log"
_SETTLES_SECONDS = 0.5  # more than a writer needs to notice, see bootstrap


def prune_home(context: Context) -> dict[str, int]:
    """Return how many of each kind were put away. Raises ResourceError when a file cannot be removed."""
    keep, now, home = context.settings.retention, context.clock(), context.settings.home
    found: dict[str, int] = {}
    with context.recorded("prune_home"):
        with context.open_store() as store:
            current = store.scores.current_run()
            found["runs of jobs"] = store.jobs.prune(now - timedelta(days=keep.job_days))
            found["entries of the workflow ledger"] = store.runs.prune(now - timedelta(days=keep.job_days))
            found["alerts"] = store.alerts.prune(now - timedelta(days=keep.alert_days))
            found["events given to webhooks"] = store.webhooks.prune(now - timedelta(days=keep.alert_days))
            found["answers to repeated writes"] = store.requests.prune(now)
            found["audit entries"] = store.requests.prune_audit(now - timedelta(days=keep.audit_days))
        try:
            found["folders of serving files"] = _serving(
                home / "serving", keep.serving_runs, current.run_id if current else None
            )
            found["logs"] = _rotate(home / LOG, now, int(keep.log_mb * 1_000_000), keep.log_files)
        except OSError as error:
            raise ResourceError(f"cannot be put away: {error.strerror}", where=str(error.filename or home)) from error
    return found


def _serving(folder: Path, keep: int, current: str | None) -> int:
    """Remove all but the newest folders; that of the current run stays in any case."""
    runs = sorted((one for one in folder.glob("*") if one.is_dir()), key=lambda one: one.stat().st_mtime, reverse=True)
    old = [one for one in runs[keep:] if one.name != current]
    for one in old:
        shutil.rmtree(one)
    return len(old)


def _rotate(log: Path, now: datetime, limit: int, keep: int) -> int:
    """Put a large log aside, compressed and dated, and remove the oldest of those put aside; lines go to a new one.

    Whoever writes notices within a moment that the log was put aside; it is compressed after that, so no line is lost.
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
    for one in old:
        one.unlink()
    return done + len(old)
