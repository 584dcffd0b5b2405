"""The profit beside a recommended campaign is by that campaign's own terms, as its file has them now."""

from __future__ import annotations

import time
from datetime import datetime

import polars as pl
import pytest

from tests.api.conftest import Service
from tests.api.routes.test_campaigns import plan_record

TEXT = """
[campaign]
title = "Call them"

[offer]
contact_cost = {cost}
value_of_save = {value}
success_rate_low = 0.4
success_rate_expected = 0.5
success_rate_high = 0.6
profit_model = "case_study"
"""


def write(service: Service, *, cost: object, value: object) -> None:
    path = service.context.settings.home / "campaigns" / "calls.toml"
    path.parent.mkdir(exist_ok=True)
    path.write_text(TEXT.format(cost=cost, value=value), encoding="utf-8")
    time.sleep(1.1)  # a change is noticed within a second


def assign(service: Service, customer: str) -> None:
    columns = {"arm": "treatment", "stratum": "high", "risk_band": "high"}
    amounts = {"churn_probability": 0.3, "expected_profit": 1.0, "value_of_save": 60.0}
    costs = {"contact_cost": 2.0, "incentive_cost": 0.0}
    rows = pl.DataFrame({"customer_id": [customer], **{n: [v] for n, v in {**columns, **amounts, **costs}.items()}})
    with service.context.open_store() as store:
        store.plans.save(plan_record("p1", "calls", planned_at=datetime(2026, 7, 1)), rows)


def test_a_campaigns_profit_follows_its_file_and_not_the_settings_or_the_plan(service: Service) -> None:
    key = service.key("read")
    first, second = service.client.get("/v1/risk-list?limit=2", headers=key).json()["customers"]
    customer = first["customer_id"]
    assign(service, customer)

    def risk(name: str = customer) -> dict:
        return service.client.get(f"/v1/customers/{name}/risk", headers=key).json()

    write(service, cost=3, value=200)
    told, p = risk(), first["churn_probability"]
    assert told["recommended_action"] == "calls"
    assert told["campaign_expected_profit"] == pytest.approx(p * 0.5 * 200 - 3, abs=1e-4)
    assert told["expected_profit"] == pytest.approx(first["expected_profit"])
    write(service, cost=5, value=200)
    assert risk()["campaign_expected_profit"] == pytest.approx(p * 0.5 * 200 - 5, abs=1e-4)
    write(service, cost='"current_fee / 10"', value=200)
    assert risk()["campaign_expected_profit"] is None  # only a plan can evaluate it
    assert risk(second["customer_id"])["campaign_expected_profit"] is None
