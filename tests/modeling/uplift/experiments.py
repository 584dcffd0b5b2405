"""Randomised campaigns made up from a known effect, so that tests know what can be learnt and what cannot."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl

from churn.modeling.candidates import candidate
from churn.modeling.uplift.contest import Experiment, fit_pairs
from churn.modeling.uplift.harm import HarmfulGroup, Rule
from churn.modeling.uplift.learners import LEARNERS
from churn.modeling.uplift.model import Scale, UpliftModel
from churn.modeling.uplift.train import train_uplift
from churn.modeling.uplift.words import UpliftResult
from churn.warehouse.models.sql_models import FeatureDoc

FEATURES = tuple(FeatureDoc(name, "made_up", name) for name in ("silent_days", "usage", "age", "plan"))


def experiment(
    count: int = 5_000,
    *,
    seed: int = 1,
    effect: float = 0.05,
    spread: float = 0.0,
    harm: float = 0.0,
    treated_share: float = 0.5,
) -> pl.DataFrame:
    """Return a campaign's customers, with `tau`, the true churn avoided by contact.

    tau is `effect` on average; `spread` more for the silent and as much less for the others; -`harm` on plan `gold`.
    """
    rng = np.random.default_rng(seed)
    silent = rng.exponential(10.0, count)
    plan = rng.choice(["basic", "plus", "gold"], count, p=[0.5, 0.3, 0.2])
    usage = rng.gamma(2.0, 3.0, count)
    tau = effect + spread * np.where(silent > 7.0, 1.0, -1.0)
    tau = np.where(plan == "gold", -harm, tau) if harm else tau
    alone = np.clip(0.35 + 0.008 * (silent - 10.0) - 0.01 * (usage - 6.0), 0.12, 0.8)
    treated = rng.random(count) < treated_share
    churned = rng.random(count) < np.clip(alone - np.where(treated, tau, 0.0), 0.0, 1.0)
    return pl.DataFrame(
        {
            "customer_id": [f"c{i:05d}" for i in range(count)],
            "is_treated": treated,
            "is_retained": ~churned,
            "silent_days": pl.Series(np.where(rng.random(count) < 0.05, np.nan, silent)).fill_nan(None),
            "usage": usage,
            "age": rng.normal(40.0, 9.0, count),
            "plan": plan,
            "tau": tau,
        }
    )


def fit(frame: pl.DataFrame, learner: str, base: str) -> UpliftModel:
    """Fit one pair on all of `frame`, without a contest, knowing of harm to plan `gold`."""
    stayed, treated = frame["is_retained"].cast(pl.Float64).to_numpy(), frame["is_treated"].to_numpy()
    rows = Experiment(frame, tuple(doc.name for doc in FEATURES), stayed, treated)
    (fitted,) = fit_pairs(rows, [LEARNERS[learner]], candidate(base), 3)
    gold = HarmfulGroup(Rule("plan", level="gold"), 10, 0.2, (-0.2, -0.3, -0.1), (-0.2, -0.3, -0.1), 0.001)
    return UpliftModel(fitted, Scale(0.0, 1.0, 0.0), FEATURES, (gold,))


def learn(
    frame: pl.DataFrame, *, seed: int = 3, bases: tuple[str, ...] = ("logistic_regression",), **more: Any
) -> UpliftResult:
    """Learn with one quick candidate unless told otherwise."""
    return train_uplift(frame, FEATURES, seed=seed, bases=bases, **{"draws": 200, **more})
