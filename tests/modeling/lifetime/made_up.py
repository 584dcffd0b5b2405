"""Customers who leave by a known law: hazards by month and cause that two features drive, one for a while only."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import polars as pl

from churn.snapshots.dataset import TrainingSet
from churn.snapshots.policy import SnapshotPolicy
from churn.warehouse.models.sql_models import FeatureDoc

POLICY = SnapshotPolicy(lead_days=0, grace_days=0)
FIRST = date(2024, 1, 1)


def true_hazards(trouble: np.ndarray, plan: np.ndarray, months: int = 24) -> np.ndarray:
    """Return (n, months, 2): trouble drives voluntary loss and fades within months; the plan drives it for good."""
    k = np.arange(months)
    odds = -3.0 + np.outer(trouble, 0.9 * 0.6**k) + 0.7 * plan[:, None]
    voluntary = np.exp(odds)
    involuntary = np.full_like(voluntary, np.exp(-4.4))
    total = 1.0 + voluntary + involuntary
    return np.stack([voluntary / total, involuntary / total], axis=2)


def training_set(
    *, customers: int = 900, snapshots: int = 12, seed: int = 5, drift: float = 0.0, sight: int | None = None
) -> TrainingSet:
    """Return monthly snapshots, 30 days apart, each of fresh draws for the same customers, followed to one last day.

    `drift` moves the log-odds of voluntary loss from the middle of the calendar on.
    """
    rng = np.random.default_rng(seed)
    frames, times = [], []
    for number in range(snapshots):
        left = (snapshots - number) if sight is None else min(sight, snapshots - number)
        trouble, plan = rng.normal(size=customers), (rng.random(customers) < 0.4).astype(float)
        hazard = true_hazards(trouble, plan, left)
        if drift:
            late = number + np.arange(left) >= snapshots // 2
            hazard[:, late, 0] = np.minimum(hazard[:, late, 0] * np.exp(drift), 0.9)
        draws = rng.random((customers, left))
        is_voluntary = draws < hazard[:, :, 0]
        is_lost = draws < hazard.sum(axis=2)
        has = is_lost.any(axis=1)
        period = np.where(has, is_lost.argmax(axis=1), left)
        kind = np.where(is_voluntary[np.arange(customers), np.minimum(period, left - 1)], "voluntary", "involuntary")
        day = FIRST + timedelta(days=30 * number)
        names = [f"c{i:05d}" for i in range(customers)]
        keys = {"customer_id": names, "snapshot_date": pl.Series([day] * customers, dtype=pl.Date)}
        lost_first = has & (period == 0)
        frames.append(
            pl.DataFrame(
                {
                    **keys,
                    "has_churned": lost_first,
                    "churn_kind": pl.Series(np.where(lost_first, kind, None).tolist(), dtype=pl.String),
                    "is_treated": np.zeros(customers, dtype=bool),
                    "monthly_fee": np.full(customers, 25.0),
                    "monthly_margin": np.full(customers, 25.0),
                    "trouble": trouble,
                    "plan_b": plan,
                    "noise": rng.normal(size=customers),
                }
            )
        )
        days = np.where(has, 30.0 * period + 30.0 * rng.random(customers), 30.0 * left)
        told = pl.Series(np.where(has, kind, None).tolist(), dtype=pl.String)
        times.append(pl.DataFrame({**keys, "days": days, "is_lost": has, "churn_kind": told}))
    names = ("trouble", "plan_b", "noise")
    docs = tuple(FeatureDoc(name, "made_up", f"The {name}", False, None) for name in names)
    return TrainingSet(pl.concat(frames), docs, POLICY, "made-up", {}, times=pl.concat(times))
