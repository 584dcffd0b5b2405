"""A fee per year or quarter in `monthly_fee` is found by how seldom it is paid."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from churn.warehouse import Warehouse
from churn.warehouse.models.checks import CheckResult
from tests.warehouse.models.quality import TODAY, checking, company


def found(
    warehouse: Warehouse, folder: Path, *, fee: float, amount: float, every: int, status: str = "succeeded"
) -> CheckResult | None:
    payments = pl.DataFrame(
        [
            {
                "payment_id": f"P{n}-{k}",
                "customer_id": f"C{n}",
                "attempted_at": datetime(2025, 1, 1) + timedelta(days=k * every, hours=n),
                "amount": amount,
                "status": status,
                "method": "card",
            }
            for n in range(20)
            for k in range(424 // every)
        ]
    )
    subscriptions = company()["subscriptions"].with_columns(monthly_fee=pl.lit(fee))
    results = checking(warehouse, folder)({"payments": payments, "subscriptions": subscriptions}, now=TODAY)
    return results.get("fees_are_per_month")


@pytest.mark.parametrize(("every", "months"), [(200, 6.9), (91, 3.5)])
def test_a_fee_that_is_paid_once_a_term_is_found(
    warehouse: Warehouse, tmp_path: Path, every: int, months: float
) -> None:
    result = found(warehouse, tmp_path, fee=120.0, amount=120.0, every=every)
    assert result is not None
    assert (result.level, result.defect_count, result.example["plan"]) == ("warn", 20, "basic")
    assert result.example["months_between_payments"] == pytest.approx(months, abs=0.5)


@pytest.mark.parametrize(
    ("fee", "amount", "every"),
    [
        (10.0, 120.0, 200),  # a year at once, the fee per month
        (10.0, 10.0, 30),  # each month
        (10.0, 9.0, 14),  # by use
    ],
)
def test_fees_per_month_are_no_alarm(
    warehouse: Warehouse, tmp_path: Path, fee: float, amount: float, every: int
) -> None:
    assert found(warehouse, tmp_path, fee=fee, amount=amount, every=every) is None
