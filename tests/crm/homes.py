"""A home with one planned campaign of few customers, made in no time: scores, assignments and consent, nothing else."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import polars as pl

from churn.bootstrap import build_context
from churn.config import Settings
from churn.context import Context
from churn.store import ScoreRun
from tests.crm.contract import template
from tests.crm.memory import MemoryCrm
from tests.documents.samples import plan_record

NOW = datetime(2026, 7, 1, 4, 30)
DAY = date(2026, 7, 1)
CAMPAIGN = """\
[campaign]
title = "Call them"
[holdout]
share = 0.2
[crm]
connector = "crm"
mode = "upsert"
on_leave = "clear"
fields = { risk_band = "band", churn_probability = "p", campaign = "campaign", recommended_action = "action", reasons = "why", model_version = "model", scored_at = "at", run_id = "run" }
"""
REASONS = json.dumps([{"feature": "silence", "text": "no login for 23 days"}, {"feature": "bill", "text": "unpaid"}])


def build(home: Path, customers: int = 20, *, held_out: int = 4) -> Path:
    """Customers c00, c01, ...; the last `held_out` are the holdout; c00 has objected, c01 never agreed."""
    (home / "campaigns").mkdir(parents=True)
    (home / "campaigns" / "call.toml").write_text(CAMPAIGN, encoding="utf-8")
    (home / "store.sqlite").write_bytes(template())
    context = build_context(settings=Settings(home=home))
    ids = [f"c{n:02d}" for n in range(customers)]
    with context.open_store() as store:
        publish(context, ids, 0.5)
        plan = plan_record("p1", "call", planned_at=NOW, snapshot_date=DAY)
        store.plans.save(plan, assignments(ids, held_out))
    with context.open_warehouse("test") as warehouse:
        rows = pl.DataFrame(
            {
                "customer_id": ids,
                "marketing_consent": [n != 1 for n in range(customers)],
                "fact_version": [1] * customers,
                "objected_at": [NOW if n == 0 else None for n in range(customers)],
                "available_at": [NOW] * customers,
            },
            schema_overrides={"objected_at": pl.Datetime("us")},
        )
        warehouse.write("staging.customers", rows)
    return home


def context_of(home: Path, crm: MemoryCrm, **changes: Any) -> Context:
    """The home's context from NOW on, a second for each look at the clock, whose connectors are all `crm`."""
    settings = Settings.model_validate({"home": home, "connectors": {"crm": {"kind": "memory"}}})
    built, seconds = build_context(settings=settings), count()
    return replace(
        built, clock=lambda: NOW + timedelta(seconds=next(seconds)), open_connector=lambda _name: crm, **changes
    )


def publish(context: Context, ids: list[str], p: float, *, run_id: str = "s1", **changes: Any) -> None:
    """Publish a list that gives everybody the probability `p`."""
    size = len(ids)
    frame = pl.DataFrame(
        {
            "customer_id": ids,
            "churn_probability": [p] * size,
            "raw_score": [p] * size,
            "risk_band": ["critical" if p >= 0.4 else "low"] * size,
            "percentile": [90.0] * size,
            "expected_profit": [5.0] * size,
            "value_of_save": [70.0] * size,
            "monthly_margin": [25.0] * size,
            "plan": ["basic"] * size,
            "reasons": [REASONS] * size,
            "previous_probability": [None] * size,
            "change": [None] * size,
            "change_reasons": [None] * size,
            "is_listed": [True] * size,
        },
        schema_overrides={"previous_probability": pl.Float64, "change": pl.Float64, "change_reasons": pl.String},
    )
    run = ScoreRun(run_id, DAY, "m1", NOW, NOW, size, "f")
    with context.open_store() as store:
        store.scores.publish(replace(run, **changes), frame)


def assignments(ids: list[str], held_out: int) -> pl.DataFrame:
    """Everybody assigned; profit falls with the number."""
    size = len(ids)
    return pl.DataFrame(
        {
            "customer_id": ids,
            "arm": ["treatment"] * (size - held_out) + ["holdout"] * held_out,
            "stratum": ["all"] * size,
            "churn_probability": [0.5] * size,
            "risk_band": ["critical"] * size,
            "percentile": [90.0] * size,
            "expected_profit": [float(size - n) for n in range(size)],
            "expected_uplift": [0.1] * size,
            "value_of_save": [70.0] * size,
            "contact_cost": [2.0] * size,
            "incentive_cost": [0.0] * size,
        }
    )
