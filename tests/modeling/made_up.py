"""Training sets made up from a known law of churn, so that tests know what a model should find."""

from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np
import polars as pl

from churn.config import SelectionSettings, TrainingSettings
from churn.decisions.profit import Economics
from churn.modeling import TrainingResult, train_candidates
from churn.snapshots.dataset import TrainingSet
from churn.snapshots.policy import SnapshotPolicy
from churn.warehouse.models.sql_models import FeatureDoc

MONTHS = [date(2025, month, 1) for month in range(1, 10)]
NOT_FEATURES = {
    "customer_id",
    "snapshot_date",
    "has_churned",
    "churn_kind",
    "is_treated",
    "monthly_fee",
    "monthly_margin",
}


def customers(
    *, count: int = 400, dates: int = 9, seed: int = 1, strength: float = 1.0, base: float = -1.2
) -> pl.DataFrame:
    """Return `count` customers seen on `dates` months: silence, failures, plan and city raise the odds of churn."""
    rng = np.random.default_rng(seed)
    rows = count * dates
    silence = rng.exponential(12.0, rows)
    failures = rng.poisson(0.6, rows).astype(float)
    usage = rng.gamma(2.0, 3.0, rows)
    plan = rng.choice(["basic", "plus", "pro"], rows, p=[0.6, 0.3, 0.1])
    city = np.array([f"city {i}" for i in range(30)])[np.tile(rng.integers(0, 30, count), dates)]
    odds = 0.06 * (silence - 12) + 0.7 * (failures - 0.6) - 0.15 * (usage - 6) + 0.5 * (plan == "basic") - 0.3
    has_churned = rng.random(rows) < 1 / (1 + np.exp(-(base + strength * odds)))
    never = rng.random(rows) < 0.07
    return pl.DataFrame(
        {
            "customer_id": np.tile([f"c{i:05d}" for i in range(count)], dates),
            "snapshot_date": pl.Series(MONTHS[:dates], dtype=pl.Date).gather(np.repeat(np.arange(dates), count)),
            "has_churned": has_churned,
            "is_treated": rng.random(rows) < 0.05,
            "monthly_fee": np.full(rows, 25.0),
            "monthly_margin": np.full(rows, 25.0),
            "days_since_last_login": pl.Series(np.where(never, np.nan, silence)).fill_nan(None),
            "number_of_payment_failures_60d": failures,
            "average_weekly_usage": usage,
            "plan": plan,
            "city": city,
        }
    )


def training_set(frame: pl.DataFrame, **policy: Any) -> TrainingSet:
    """Return `frame` as a training set: every column that is not a key or a label is a feature."""
    features = tuple(
        FeatureDoc(name, "made_up", f"The {name}", False, None) for name in frame.columns if name not in NOT_FEATURES
    )
    churners = int(frame["has_churned"].sum()) if "has_churned" in frame.columns else 0
    counts = {"rows": frame.height, "churners": churners}
    return TrainingSet(frame, features, SnapshotPolicy(**policy), "made-up", counts)


def train(data: TrainingSet | pl.DataFrame, *, split: str = "auto", **settings: Any) -> TrainingResult:
    """Train with few demands and no tuning; `settings` override [training] and, by its names, [selection]."""
    chosen = {"min_churners": 20, "min_stayers": 20, "tune_minutes": 0.0, **settings}
    selection = {name: chosen.pop(name) for name in SelectionSettings.model_fields if name in chosen}
    return train_candidates(
        data if isinstance(data, TrainingSet) else training_set(data),
        training=TrainingSettings(**chosen),
        selection=SelectionSettings(**{"bootstrap_draws": 60, **selection}),
        economics=Economics(value_months=12),
        currency="EUR",
        split=split,
    )


def averaged() -> TrainingResult:
    """Return a training that chose the average of a linear model and two of trees."""
    return train(
        curved(),
        candidates=["logistic_regression", "random_forest", "xgboost", "average"],
        interpretability=["average"],
        metric="auc",
    )


def curved() -> pl.DataFrame:
    """Return customers whose churn has a straight part and one that only trees see: each model lacks something."""
    frame = customers(count=2_400, dates=1, seed=4)
    rng = np.random.default_rng(5)
    is_caught = (frame["number_of_payment_failures_60d"] == 1) & (frame["average_weekly_usage"] > 6)
    return frame.with_columns(
        has_churned=pl.col("has_churned") | (is_caught & pl.Series(rng.random(frame.height) < 0.36))
    )
