"""The difference of a list and what a CRM acknowledged: a million rows, read from the store, compared and cut by need."""

from __future__ import annotations

import tempfile
from datetime import date, datetime
from pathlib import Path

import numpy as np
import polars as pl

from benchmarks.measuring import Result, seconds, told
from churn.progress import Progress

ROWS = 1_000_000
FIELDS = (
    "churn_probability",
    "risk_band",
    "percentile",
    "expected_profit",
    "reasons",
    "recommended_action",
    "campaign",
)


def run(customers: int, repeats: int, progress: Progress) -> list[Result]:
    """Measure reading a million acknowledged records from SQLite and comparing them with tonight's list of as many."""
    from churn.crm.diff import compare
    from churn.store import open_store

    rows = ROWS if customers >= 120_000 else 100_000
    progress.step(f"diff: {rows:,} acknowledged records")
    with tempfile.TemporaryDirectory() as folder, open_store(f"sqlite:///{Path(folder) / 'store.sqlite'}") as store:
        yesterday, tonight = lists(rows)
        _acknowledge(store, yesterday)

        def ours() -> None:
            changes = compare(tonight, store.crm.records("crm", "all"), mapped=FIELDS, probability_step=0.02)
            if not 0 < changes.writes.height < rows // 10:
                raise AssertionError(f"{changes.writes.height:,} of {rows:,} rows would be written")

        def theirs() -> None:
            store.crm.records("crm", "all")

        ours()
        taken = sorted(seconds(ours) for _ in range(repeats))
        reading = sorted(seconds(theirs) for _ in range(repeats))
    median = taken[len(taken) // 2]
    return [
        Result(
            bench="P16",
            work=f"what a push must write: {rows:,} acknowledged records read from the store and compared (SQLite)",
            figure=median * ROWS / rows,
            unit="s",
            goal="at most",
            bar=5,
            aim=3,
            ours=told(median),
            reference=f"reading the records alone: {told(reading[len(reading) // 2])}",
            repeats=repeats,
            details={"ours": taken, "reference": reading},
        )
    ]


def lists(rows: int) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return yesterday's list and tonight's: every probability moved a little, one customer in a hundred a lot."""
    rng = np.random.default_rng(11)
    before = rng.beta(0.8, 9.0, rows)
    moved = np.where(rng.random(rows) < 0.01, rng.normal(0, 0.2, rows), rng.normal(0, 0.003, rows))
    now = np.clip(before + moved, 0.0, 1.0)
    ids = [f"c{i:08d}" for i in rng.permutation(rows)]
    return _list(ids, before), _list(ids, now).sample(fraction=1.0, shuffle=True, seed=3)


def _list(ids: list[str], p: np.ndarray[tuple[int], np.dtype[np.float64]]) -> pl.DataFrame:
    rank = np.argsort(np.argsort(p))
    return pl.DataFrame(
        {
            "customer_id": ids,
            "churn_probability": p,
            "risk_band": np.array(["low", "medium", "high", "critical"])[np.digitize(p, [0.1, 0.2, 0.4])],
            "percentile": 100.0 * rank / p.size,
            "expected_profit": 30 * p - 2,
            "reasons": ["no login for 23 days; 2 failed payments"] * p.size,
            "recommended_action": ["Call them"] * p.size,
            "campaign": ["all"] * p.size,
            "snapshot_date": [date(2026, 6, 30)] * p.size,
        }
    )


def _acknowledge(store: object, frame: pl.DataFrame) -> None:
    """Put a list into the store as acknowledged, by the driver: a push of a million rows is not what is measured."""
    from churn.crm.diff import exact_hash
    from churn.store import Store

    assert isinstance(store, Store)
    at = datetime(2026, 6, 30).isoformat(sep=" ")  # noqa: DTZ001 - instants are UTC without a zone
    told_of = frame.with_columns(exact_hash(frame, FIELDS)).select(
        pl.lit("crm"), pl.lit("all").alias("c"), "customer_id", pl.lit('{"band":"high"}').alias("a"), "exact_hash",
        "churn_probability", "percentile", "expected_profit", pl.lit(0).alias("u"), pl.lit(0).alias("m"),
        pl.lit("r1").alias("r"), pl.lit(at).alias("at"),
    )  # fmt: skip
    with store.database.write() as connection:
        cursor = connection.connection.cursor()
        cursor.executemany(f"insert into crm_records values ({', '.join('?' * 12)})", told_of.rows())
        cursor.close()
