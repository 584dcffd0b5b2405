"""A good company, and its data held to the rules of quality."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import polars as pl

from churn.warehouse import Warehouse, load_models
from churn.warehouse.loading.ingest import ingest
from churn.warehouse.models.build import build
from churn.warehouse.models.checks import CheckResult, run_checks
from tests.warehouse.placing import place

TODAY = datetime(2026, 3, 1)
Check = Callable[..., dict[str, CheckResult]]


def company(days: int = 70, per_day: int = 10) -> dict[str, pl.DataFrame]:
    """Twenty good customers with ten sessions and ten payments a day."""
    numbers = range(20)
    facts = [
        {"n": d * per_day + n, "customer_id": f"C{(d + n) % 20}", "at": TODAY - timedelta(days=d, hours=1, minutes=n)}
        for d in range(days)
        for n in range(per_day)
    ]
    return {
        "customers": pl.DataFrame(
            [
                {
                    "customer_id": f"C{n}",
                    "signed_up_at": datetime(2025, 1, 1),
                    "birth_date": datetime(1980, 1, 1).date(),
                    "city": "Bonn",
                }
                for n in numbers
            ]
        ),
        "subscriptions": pl.DataFrame(
            [
                {
                    "subscription_id": f"S{n}",
                    "customer_id": f"C{n}",
                    "started_at": datetime(2025, 1, 1),
                    "ended_at": None,
                    "canceled_at": None,
                    "plan": "basic",
                    "monthly_fee": 10.0,
                    "end_reason": None,
                    "billing_interval": "P1M",
                }
                for n in numbers
            ],
            schema_overrides={"ended_at": pl.Datetime, "canceled_at": pl.Datetime, "end_reason": pl.String},
        ),
        "sessions": pl.DataFrame(
            [{"customer_id": f["customer_id"], "started_at": f["at"], "duration_minutes": 5.0} for f in facts]
        ),
        "payments": pl.DataFrame(
            [
                {
                    "payment_id": f"P{f['n']}",
                    "customer_id": f["customer_id"],
                    "attempted_at": f["at"],
                    "amount": 10.0,
                    "status": "succeeded",
                    "method": "card",
                }
                for f in facts
            ]
        ),
    }


def checking(warehouse: Warehouse, folder: Path) -> Check:
    """Return what loads the company, with other tables in place of its own, and says which rules find what."""
    models = load_models(folder)

    def run(frames: dict[str, pl.DataFrame] | None = None, now: datetime = TODAY) -> dict[str, CheckResult]:
        ingest(warehouse, {}, now=TODAY)
        for table, frame in (company() if frames is None else company() | frames).items():
            placed = frame.with_columns(load_id=pl.lit(1), loaded_at=pl.lit(TODAY), source_file=pl.lit("f"))
            place(warehouse, table, placed.with_row_index("row_number"))
        build(warehouse, models, schemas=["staging", "totals"])
        return {one.rule: one for one in run_checks(warehouse, models, now=now) if one.defect_count}

    return run
