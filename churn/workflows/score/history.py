"""Keeps every score run in the warehouse, and reads back the run before a date: for hysteresis, change and turnover."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
from numpy.typing import NDArray

from churn.decisions.bands import BANDS
from churn.modeling import change_reasons_json
from churn.store.score_row import LIFETIME_COLUMNS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from churn.modeling import Explanation
    from churn.warehouse import FeatureDoc
    from churn.warehouse.connection import Warehouse


SCORES = "history.scores"
CONTRIBUTIONS = "history.contributions"
KEPT_CONTRIBUTION_RUNS = 2  # the newest two dates are enough to say why a score changed


@dataclass(frozen=True)
class PreviousRun:
    """What the run before said of the same customers, in their order; unknown is -1, NaN, or absent."""

    snapshot_date: date | None
    bands: NDArray[np.int64]
    churn_probability: NDArray[np.float64]
    listed: frozenset[str]
    points: pl.DataFrame | None  # customer_id + one column of probability points per feature, of the same model version

    def turnover(self, frame: pl.DataFrame) -> float | None:
        """Return the share of the previous list that is not on this one, None when there was none."""
        if not self.listed:
            return None
        now = set(frame.filter(pl.col("is_listed"))["customer_id"].to_list())
        return len(self.listed - now) / len(self.listed)

    def change_reasons(
        self, explanation: Explanation, frame: pl.DataFrame, features: Sequence[FeatureDoc]
    ) -> pl.Series:
        """Return per customer, as JSON, which features moved the probability since the run before; null if unknown."""
        if self.points is None:
            return pl.Series("change_reasons", [None] * frame.height, dtype=pl.String)
        return change_reasons_json(explanation, self.points, frame, features)


def read_previous(warehouse: Warehouse, day: date, customers: pl.Series, version: str) -> PreviousRun:
    """Return the newest run before `day`; its contributions only when the same model version made them."""
    newest = (
        warehouse.rows(f"select max(snapshot_date) from {SCORES} where snapshot_date < ?", [day])
        if warehouse.has_table(SCORES)
        else []
    )
    if not newest or newest[0][0] is None:
        n = len(customers)
        return PreviousRun(None, np.full(n, -1, dtype=np.int64), np.full(n, np.nan), frozenset(), None)
    before = newest[0][0]
    rows = warehouse.frame(
        f"select customer_id, churn_probability, risk_band, is_listed from {SCORES} where snapshot_date = ?", [before]
    )
    joined = customers.to_frame("customer_id").join(rows, on="customer_id", how="left", maintain_order="left")
    bands = joined["risk_band"].replace_strict(list(BANDS), list(range(len(BANDS))), default=-1, return_dtype=pl.Int64)
    points = None
    if warehouse.has_table(CONTRIBUTIONS):
        stored = warehouse.frame(
            f"select * exclude (snapshot_date, model_version) from {CONTRIBUTIONS} where snapshot_date = ? and model_version = ?",
            [before, version],
        )
        points = None if stored.is_empty() else stored
    return PreviousRun(
        snapshot_date=before,
        bands=bands.fill_null(-1).to_numpy(),
        churn_probability=joined["churn_probability"].fill_null(float("nan")).to_numpy(),
        listed=frozenset(rows.filter(pl.col("is_listed"))["customer_id"].to_list()),
        points=points,
    )


def write_history(
    warehouse: Warehouse,
    frame: pl.DataFrame,
    explanation: Explanation,
    *,
    day: date,
    version: str,
    run_id: str,
    features: Sequence[str],
) -> None:
    """Replace `day` in the score history, and keep the contributions of the newest runs, in one transaction.

    Reasons are kept of those on the list only, null of all others: the store has everybody's newest.
    """
    scores = frame.select(
        pl.lit(day).alias("snapshot_date"),
        "customer_id",
        "churn_probability",
        "raw_score",
        "risk_band",
        "percentile",
        "expected_profit",
        "is_listed",
        # Reports count the reasons of those listed; of all others they would be four fifths of the history.
        pl.when("is_listed").then("reasons").alias("reasons"),
        "involuntary_probability",
        *LIFETIME_COLUMNS,
        pl.lit(version).alias("model_version"),
        pl.lit(run_id).alias("run_id"),
    )
    points = pl.DataFrame(explanation.probability_points, schema=[(name, pl.Float32) for name in features]).select(
        pl.lit(day).alias("snapshot_date"), pl.lit(version).alias("model_version"), frame["customer_id"], pl.all()
    )
    with warehouse.transaction():
        _replace_day(warehouse, SCORES, scores, day)
        _keep_contributions(warehouse, points, day)


def _replace_day(warehouse: Warehouse, table: str, rows: pl.DataFrame, day: date) -> None:
    if warehouse.has_table(table):
        warehouse.execute(f"delete from {table} where snapshot_date = ?", [day])
    warehouse.write(table, rows, append=True)


def _keep_contributions(warehouse: Warehouse, points: pl.DataFrame, day: date) -> None:
    """Recreate the table for another model, which has other features and so other columns."""
    if warehouse.has_table(CONTRIBUTIONS):
        columns = warehouse.frame(f"select * from {CONTRIBUTIONS} limit 0").columns
        if columns != points.columns:
            warehouse.write(CONTRIBUTIONS, points)
            return
    _replace_day(warehouse, CONTRIBUTIONS, points, day)
    warehouse.execute(
        f"delete from {CONTRIBUTIONS} where snapshot_date not in "
        f"(select distinct snapshot_date from {CONTRIBUTIONS} order by snapshot_date desc limit {KEPT_CONTRIBUTION_RUNS})"
    )
