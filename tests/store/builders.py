"""Small score lists, runs and model versions for the tests of the store."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from typing import Any

import polars as pl

from churn.documents.candidate_figures import CandidateFigures
from churn.documents.simulation import SimulationDocument
from churn.store import ModelVersion, ScoreRun
from churn.store.score_row import LIFETIME_COLUMNS

NOON = datetime(2026, 3, 1, 12)
SAVED_SIMULATION = Path(__file__).parents[1] / "documents" / "golden" / "simulation_of_counts.json"


def run(run_id: str = "run-1", **changes: Any) -> ScoreRun:
    first = ScoreRun(
        run_id=run_id,
        snapshot_date=date(2026, 3, 1),
        model_version="m1",
        scored_at=NOON,
        data_cutoff=datetime(2026, 3, 1),
        customers=0,
        fingerprint="abc",
    )
    return replace(first, **changes)


def score_list(count: int = 5, **columns: Any) -> pl.DataFrame:
    """`count` customers c0, c1, ...; the higher the number, the higher probability and profit."""
    shares = [(i + 0.5) / count for i in range(count)]
    frame = pl.DataFrame(
        {
            "customer_id": [f"c{i}" for i in range(count)],
            "churn_probability": shares,
            "raw_score": shares,
            "risk_band": ["high" if p > 0.5 else "low" for p in shares],
            "percentile": [100 * p for p in shares],
            "expected_profit": [10 * p - 2 for p in shares],
            "value_of_save": [69.16] * count,
            "monthly_margin": [25.0] * count,
            "plan": ["basic" if i % 2 else None for i in range(count)],
            "reasons": ['[{"text": "no login for 23 days", "value": "tab\\tquote\\" ü"}]'] * count,
            "previous_probability": [None] * count,
            "change": [None] * count,
            "change_reasons": [None] * count,
            "is_listed": [p > 0.7 for p in shares],
            "involuntary_probability": [p / 4 if i % 2 else None for i, p in enumerate(shares)],
            **{name: [place + p for p in shares] for place, name in enumerate(LIFETIME_COLUMNS)},
        },
        schema_overrides={"plan": pl.String, "previous_probability": pl.Float64, "change": pl.Float64}
        | {"change_reasons": pl.String},
    )
    return frame.with_columns(
        value if isinstance(value, pl.Expr) else pl.Series(name, value) for name, value in columns.items()
    )


def figures(**changes: Any) -> CandidateFigures:
    """Return the figures of a candidate; intervals are those of no draw."""
    metrics = ("recall", "precision", "f1", "net_profit", "brier", "log_loss", "ece", "auc", "pr_auc", "lift")
    values: dict[str, Any] = dict.fromkeys((*metrics, "recall_at_budget", "empc"), 0.5)
    values |= {f"{name}_interval": (None, None) for name in values}
    known = {"name": "xgboost", "title": "XGBoost", "is_baseline": False, "threshold": 0.2, "fit_seconds": 1.5}
    made = {"rows_per_second": 1_000, "calibration": "platt", "is_calibrated": True, "calibration_slope": 1.0}
    return CandidateFigures(**(values | known | made | {"params": {"depth": 4, "eta": 0.1}, "trials": 3} | changes))


def model(version: str = "m1", **changes: Any) -> ModelVersion:
    first = ModelVersion(
        version=version, kind="xgboost", created_at=NOON, fingerprint="abc", bundle=version, metrics=figures()
    )
    return replace(first, **changes)


def simulation(**changes: Any) -> SimulationDocument:
    values = json.loads(SAVED_SIMULATION.read_text(encoding="utf-8"))
    return SimulationDocument.read(values | changes, where="a test")
