"""P14: publishing a score list to the store, beside the driver's own bulk insert of the same rows."""

from __future__ import annotations

import json
import sqlite3
import tempfile
from contextlib import closing
from datetime import date, datetime
from pathlib import Path

import numpy as np
import polars as pl

from benchmarks.measuring import Result, in_turns, told
from churn.progress import Progress


def run(customers: int, repeats: int, progress: Progress) -> list[Result]:
    """Measure SQLite, the store that needs no server: ours checks, replaces, indexes; theirs inserts into a bare table."""
    from churn.store import ScoreRun, open_store

    progress.step("P14: publishing")
    frame = score_list(customers)
    with tempfile.TemporaryDirectory() as folder, open_store(f"sqlite:///{folder}/store.sqlite") as store:
        runs = iter(range(10_000))

        def ours() -> None:
            at = datetime(2026, 6, 30)  # noqa: DTZ001 - instants are UTC without a zone
            store.scores.publish(
                ScoreRun(
                    f"r{next(runs)}",
                    date(2026, 6, 30),
                    "v1",
                    at,
                    at,
                    frame.height,
                    "f",
                    is_stale=False,
                    stale_reason=None,
                ),
                frame,
            )

        path = Path(folder) / "plain.sqlite"
        with closing(sqlite3.connect(Path(folder) / "store.sqlite")) as store_file:
            table = store_file.execute("select sql from sqlite_master where name = 'scores'").fetchone()[0]
            order = [row[1] for row in store_file.execute("pragma table_info(scores)")]

        def theirs() -> None:
            path.unlink(missing_ok=True)
            with closing(sqlite3.connect(path)) as connection, connection:
                connection.execute("pragma journal_mode = wal")
                connection.execute(table)
                connection.executemany(
                    f"insert into scores values ({', '.join('?' * len(order))})", frame.select(order).rows()
                )

        taken = in_turns(ours, theirs, repeats=repeats)
    return [
        Result(
            bench="P14",
            work=f"publish {customers:,} scores in one transaction, replacing the list before, with its indexes (SQLite)",
            figure=taken.ratio,
            unit="x",
            goal="at most",
            bar=2,
            aim=1.3,
            ours=told(taken.ours_median),
            reference=f"sqlite3.executemany into an empty table of the same columns, no index: {told(taken.reference_median)}",
            repeats=repeats,
            details={"ours": taken.ours, "reference": taken.reference},
        )
    ]


def score_list(customers: int) -> pl.DataFrame:
    """Return a list as the nightly run publishes it, with reasons of the usual length."""
    rng = np.random.default_rng(7)
    p = rng.beta(0.8, 9.0, customers)
    reason = {"feature": "days_since_last_login", "value": 23.0, "text": "no login for 23 days", "is_actionable": True}
    reasons = [json.dumps([{**reason, "points": round(float(x), 4)}] * 5) for x in rng.normal(size=997)]
    return pl.DataFrame(
        {
            "customer_id": [f"c{i:08d}" for i in rng.permutation(customers)],
            "churn_probability": p,
            "raw_score": np.log(p / (1 - p)),
            "risk_band": np.array(["low", "medium", "high", "critical"])[np.digitize(p, [0.1, 0.2, 0.4])],
            "percentile": 100 * np.argsort(np.argsort(p)) / customers,
            "expected_profit": 30 * p - 2,
            "value_of_save": np.full(customers, 69.16),
            "monthly_margin": np.full(customers, 25.0),
            "plan": ["basic"] * customers,
            "reasons": [reasons[i % 997] for i in range(customers)],
            "previous_probability": p * 0.9,
            "change": p * 0.1,
            "change_reasons": [reasons[i % 991][:150] for i in range(customers)],
            "is_listed": p > 0.2,
        }
    )
