"""Tells how far each CRM is in step: the runs there were, what it holds of ours, what it refuses, what is overdue."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

from churn.context import Context
from churn.errors import ConfigError
from churn.files import write_frame

OVERDUE_DAYS = 3  # without a push that went through, somebody should look
_REJECTION_COLUMNS = (
    "connector",
    "campaign",
    "customer_id",
    "code",
    "field",
    "message",
    "attempts",
    "is_held",
    "payload_hash",
    "first_seen_at",
    "last_seen_at",
)


def sync_status(
    context: Context, *, campaign: str | None = None, connector: str | None = None, limit: int = 20
) -> dict[str, Any]:
    """Return runs (newest first), destinations with what they hold, and every change of mapping."""
    with context.open_store() as store:
        runs = store.sync_runs.history(connector=connector, campaign=campaign, limit=limit)
        every = store.sync_runs.history(connector=connector, campaign=campaign, limit=None)
        pairs = sorted({(run.connector, run.campaign) for run in every if run.action == "push"})
        rejections = store.crm.rejections(connector, campaign)
        destinations = []
        for name, pushed in pairs:
            last = store.sync_runs.last_done(name, pushed)
            destinations.append(
                {
                    "connector": name,
                    "campaign": pushed,
                    "records": store.crm.campaigns(name).get(pushed, 0),
                    "rejected": sum(r.connector == name and r.campaign == pushed for r in rejections),
                    "last_done_at": last.started_at if last else None,
                    "is_overdue": _is_overdue(last.started_at if last else None, context.clock()),
                }
            )
        changes = store.sync_runs.mapping_changes(connector, campaign)
    return {
        "destinations": destinations,
        "runs": [asdict(run) for run in runs],
        "mapping_changes": [asdict(change) for change in changes],
        "rejected": len(rejections),
    }


def rejected_rows(
    context: Context, *, campaign: str | None = None, connector: str | None = None, out: Path | None = None
) -> dict[str, Any]:
    """Return the rows that CRMs refuse, with their own words; write them to a CSV if asked. Raises ConfigError."""
    with context.open_store() as store:
        found = store.crm.rejections(connector, campaign)
    rows = [{name: getattr(one, name) for name in _REJECTION_COLUMNS} for one in found]
    if out is not None:
        if out.suffix != ".csv":
            raise ConfigError(f"cannot write `{out.suffix}`", where="--out", remedy="Use .csv.")
        _write(out, rows)
    return {"rejected": len(rows), "rows": rows, "file": out}


def _write(out: Path, rows: list[dict[str, Any]]) -> None:
    import polars as pl

    schema = {
        name: pl.Datetime("us") if name.endswith("_at") else pl.Int64 if name == "attempts" else pl.String
        for name in _REJECTION_COLUMNS
    } | {"is_held": pl.Boolean}
    write_frame(out, pl.DataFrame(rows, schema=schema))


def _is_overdue(last: datetime | None, now: datetime) -> bool:
    return last is None or (now - last).days >= OVERDUE_DAYS
