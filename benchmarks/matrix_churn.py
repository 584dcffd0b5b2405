"""The eight features of the case by the product itself: files loaded as a refresh does, staged, features computed."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from churn.config import ResourceSettings, SourceSettings, load_settings
from churn.snapshots.dataset import build_snapshots
from churn.snapshots.policy import SnapshotPolicy
from churn.warehouse.loading.contracts import TABLES
from churn.warehouse.loading.ingest import ingest
from churn.warehouse.models.build import build
from churn.warehouse.models.sql_models import load_models
from churn.warehouse.opening import open_warehouse

EIGHT = (
    "days_since_last_login",
    "number_of_payment_failures_60d",
    "average_weekly_usage",
    "customer_time_in_months",
    "support_tickets_90d",
    "payment_failure_ratio",
    "is_new_user",
    "inactivity_risk",
)
GROUPS = ("usage", "payments", "tenure", "support")


def eight_features(files: Path, dates: list[date]) -> dict[str, Any]:
    """Return what the matrix of `dates` holds: its rows and the sum of each feature."""
    models = load_models(files)
    wanted = {n: m for n, m in models.items() if not n.startswith("features.") or n.split(".")[1] in GROUPS}
    policy = SnapshotPolicy.from_settings(load_settings(home=files, environ={}))
    with open_warehouse(None, holder="bench", resources=ResourceSettings.model_validate({})) as warehouse:
        cutoff = datetime.combine(dates[-1], datetime.min.time())
        ingest(warehouse, _sources(files), now=cutoff)
        build(warehouse, models, schemas=["staging"])
        build_snapshots(warehouse, wanted, policy, dates, data_cutoff=cutoff)
        joins = " ".join(f"left join features.{g} using (customer_id, snapshot_date)" for g in GROUPS)
        frame = warehouse.frame(f"select customer_id, snapshot_date, {', '.join(EIGHT)} from snapshots.spine {joins}")
    matrix = frame.select(pl.col(EIGHT).cast(pl.Float64)).to_numpy()
    return {"rows": len(matrix), "sums": dict(zip(EIGHT, np.nansum(matrix, axis=0).tolist(), strict=True))}


def _sources(files: Path) -> dict[str, SourceSettings]:
    found = {name: sorted([*files.glob(f"{name}.parquet"), *files.glob(f"{name}-*.parquet")]) for name in TABLES}
    return {name: SourceSettings(path=[str(path) for path in paths]) for name, paths in found.items() if paths}
