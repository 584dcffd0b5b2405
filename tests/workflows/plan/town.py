"""A town of 600 scored customers, ready to plan campaigns for: no model is trained, every number is known."""

from __future__ import annotations

import json
import shutil
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from churn.config import Settings
from churn.context import Context
from churn.decisions.bands import percentiles, risk_bands
from churn.documents.plan import PlanDocument
from churn.modeling.serving import bundles
from churn.snapshots.dataset import build_snapshots
from churn.snapshots.policy import SnapshotPolicy
from churn.store import ModelVersion, ScoreRun, open_store
from churn.warehouse import open_warehouse
from churn.workflows.plan import PlannedCampaigns, PlanRequest, plan_campaigns
from tests.worlds import World, shipped_models

SIZE = 600
DAY = date(2026, 3, 1)
NOW = datetime(2026, 3, 1, 6)
VALUE = 100.0
BANDS = np.array(["low", "medium", "high", "critical"])

PLAIN = """
[campaign]
title = "Call them"
window_days = 30

[offer]
channel = "phone"
contact_cost = 2
success_rate_low = 0.3
success_rate_expected = 0.4
success_rate_high = 0.5
profit_model = "case_study"

[holdout]
share = 0.2
seed = 5
"""


def customer(number: int) -> str:
    return f"C{number:04d}"


def facts() -> World:
    """Who agreed, objected, was contacted, waits or could not pay follows from the customer's number."""
    world = World()
    for i in range(SIZE):
        world.customer(customer(i), "2025-01-05", marketing_consent=i % 10 != 3, objected_at=None)
        world.subscription(customer(i), "2025-01-05")
        world.payment(customer(i), "2026-02-05", status="failed" if i % 3 == 0 else "succeeded")
        if i % 10 == 4:  # objects later, in a version of its own
            objected = datetime(2026, 2, 1)
            world.customer(customer(i), "2025-01-05", objected, marketing_consent=True, objected_at=objected)
        if i % 7 == 0:
            world.ticket(customer(i), "2026-02-20", closed="2026-02-21" if i % 2 else None)
        if i % 11 == 0:
            world.contact(customer(i), "2026-02-24")
    return world


def probabilities() -> np.ndarray:
    """From 0 to 0.8, in an order that has nothing to do with the customers' numbers."""
    return np.random.default_rng(1).permutation(np.linspace(0.001, 0.8, SIZE))


class Town:
    """The town's home and what is asked of it."""

    def __init__(self, home: Path, **sections: Any) -> None:
        self.home = home
        self.settings = Settings.model_validate({"home": home, "simulation": {"draws": 300}, **sections})
        self.now = NOW

    @property
    def context(self) -> Context:
        def warehouse(holder: str):
            return open_warehouse(self.settings.warehouse_path, holder=holder, resources=self.settings.resources)

        return Context(
            settings=self.settings,
            clock=lambda: self.now,
            open_warehouse=warehouse,
            open_store=lambda: open_store(self.settings.database_url),
        )

    def campaign(self, name: str, text: str = PLAIN) -> str:
        path = self.home / "campaigns" / f"{name}.toml"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return name

    def plan(self, *campaigns: str, **request: Any) -> PlannedCampaigns:
        return plan_campaigns(self.context, PlanRequest(campaigns=campaigns, **request))

    def document(self, *campaigns: str, **request: Any) -> PlanDocument:
        return self.plan(*campaigns, **request).document

    def removed(self, *campaigns: str, **request: Any) -> dict[str, int]:
        rows = self.document(*campaigns, **request).eligibility
        return {row.rule: row.removed for row in rows if row.campaign == campaigns[0]}

    def publish(self, day: date = DAY, *, run_id: str = "r1", order: int | None = None, **columns: Any) -> None:
        """Publish the scores of `day`; `order` shuffles the rows."""
        frame = score_frame().with_columns(pl.Series(name, values) for name, values in columns.items())
        frame = frame if order is None else frame.sample(fraction=1, shuffle=True, seed=order)
        with open_store(self.settings.database_url) as store:
            store.scores.publish(score_run(day, run_id), frame)

    def refresh(self, world: World) -> None:
        """Load other facts and build the features of the day from them."""
        with open_warehouse(self.settings.warehouse_path, holder="tests") as warehouse:
            world.into(warehouse)
            build(warehouse, DAY)


def score_run(day: date, run_id: str) -> ScoreRun:
    scored = datetime.combine(day, datetime.min.time()) + timedelta(hours=4)
    return ScoreRun(run_id, day, "v1", scored, scored - timedelta(hours=5), SIZE, "f")


def score_frame() -> pl.DataFrame:
    p = probabilities()
    nothing = pl.Series([None] * SIZE, dtype=pl.Float64)
    return pl.DataFrame(
        {
            "customer_id": [customer(i) for i in range(SIZE)],
            "churn_probability": p,
            "raw_score": p,
            "risk_band": BANDS[risk_bands(p, bounds=(0.1, 0.2, 0.4), margin=0.0, previous=np.full(SIZE, -1))],
            "percentile": percentiles(p),
            "expected_profit": p,
            "value_of_save": [VALUE] * SIZE,
            "monthly_margin": [25.0] * SIZE,
            "plan": ["basic"] * SIZE,
            "reasons": ["[]"] * SIZE,
            "previous_probability": nothing,
            "change": nothing,
            "change_reasons": pl.Series([None] * SIZE, dtype=pl.String),
            "is_listed": p >= 0.2,
            "involuntary_probability": 0.3 * p,
        }
    )


def build(warehouse: Any, day: date) -> None:
    cutoff = datetime.combine(day, datetime.min.time())
    build_snapshots(warehouse, shipped_models(), SnapshotPolicy(), [day], data_cutoff=cutoff)


def register_model(home: Path, *, bias: float = 1.0) -> None:
    """Register the model behind the scores, judged on rows whose probabilities are off by `bias`."""
    rng = np.random.default_rng(4)
    p = rng.beta(0.9, 6, 4_000)
    frame = pl.DataFrame({"has_churned": rng.random(4_000) < p, "churn_probability": np.minimum(p * bias, 1.0)})
    folder = home / "models" / "v1"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    frame.write_parquet(folder / "evaluation.parquet")
    digests = {"evaluation.parquet": bundles.digest(folder / "evaluation.parquet")}
    (folder / "manifest.json").write_text(json.dumps({"format": bundles.FORMAT, "files": digests}))


def make_town(home: Path) -> None:
    """Write warehouse, model and scores into `home`; once per test run, the tests copy it."""
    town = Town(home)
    home.mkdir(parents=True)
    register_model(home)
    with open_store(town.settings.database_url) as store:
        store.models.register(ModelVersion("v1", "xgboost", NOW, "f", "v1"))
    town.refresh(facts())
    town.publish()
