"""The eight features of the case by the product's own SQL, its staging reading the Parquet files themselves."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from churn.config import ResourceSettings, load_settings
from churn.snapshots.dataset import build_snapshots
from churn.snapshots.policy import SnapshotPolicy
from churn.warehouse.connection import open_warehouse
from churn.warehouse.loading.contracts import BOOKKEEPING, TABLES
from churn.warehouse.models.build import build
from churn.warehouse.models.sql_models import load_models

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
        warehouse.execute("create schema raw; create schema snapshots")
        for name, table in TABLES.items():
            _view_of_files(warehouse, files, name, table.types)
        cutoff = datetime.combine(dates[-1], datetime.min.time())
        build(warehouse, models, schemas=["staging"])
        build_snapshots(warehouse, wanted, policy, dates, data_cutoff=cutoff)
        joins = " ".join(f"left join features.{g} using (customer_id, snapshot_date)" for g in GROUPS)
        frame = warehouse.frame(f"select customer_id, snapshot_date, {', '.join(EIGHT)} from snapshots.spine {joins}")
    matrix = frame.select(pl.col(EIGHT).cast(pl.Float64)).to_numpy()
    return {"rows": len(matrix), "sums": dict(zip(EIGHT, np.nansum(matrix, axis=0).tolist(), strict=True))}


def _view_of_files(warehouse: Any, files: Path, name: str, types: dict[str, str]) -> None:
    """Show the files as the raw table they would be loaded into; a table without files is empty."""
    paths = [*files.glob(f"{name}.parquet"), *files.glob(f"{name}-*.parquet")]
    marks = ", ".join(
        f"cast(0 as bigint) as {n}" if k == "BIGINT" else f"cast(null as {k}) as {n}" for n, k in BOOKKEEPING.items()
    )
    if not paths:
        empty = ", ".join(f"cast(null as {kind}) as {column}" for column, kind in types.items())
        warehouse.execute(f"create view raw.{name} as select {empty}, {marks} where false")
        return
    listed = ", ".join(f"'{path.as_posix()}'" for path in sorted(paths))
    have = {row[0] for row in warehouse.rows(f"describe select * from read_parquet([{listed}])")}
    extra = "".join(f", cast(null as {kind}) as {column}" for column, kind in types.items() if column not in have)
    warehouse.execute(f"create view raw.{name} as select *{extra}, {marks} from read_parquet([{listed}])")
