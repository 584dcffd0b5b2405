"""The profit beside a recommended campaign is by that campaign's own terms, as its file has them now."""

from __future__ import annotations

import time
from datetime import datetime

import polars as pl
import pytest

from churn.views.formula_values import NewestFormulaValues, term_column
from churn.views.risk_index import Filters, RiskIndexes
from churn.views.risk_search import list_customers
from churn.views.serving_files import FORMULAS, run_path
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


def assign(service: Service, customer: str, *others: str) -> None:
    columns = {"arm": "treatment", "stratum": "high", "risk_band": "high"}
    amounts = {"churn_probability": 0.3, "expected_profit": 1.0, "value_of_save": 60.0}
    costs = {"contact_cost": 2.0, "incentive_cost": 0.0}
    rows = pl.DataFrame({"customer_id": [customer, *others]}).with_columns(
        pl.lit(value).alias(name) for name, value in {**columns, **amounts, **costs}.items()
    )
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
    assert risk()["campaign_expected_profit"] is None  # not published with the list
    assert risk(second["customer_id"])["campaign_expected_profit"] is None


def test_terms_that_are_sql_are_those_published_with_the_list_and_numbers_are_the_files(service: Service) -> None:
    key = service.key("read")
    first, second = service.client.get("/v1/risk-list?limit=2", headers=key).json()["customers"]
    customer, p = first["customer_id"], first["churn_probability"]
    publish(service, "current_fee / 10", {customer: 4.5, second["customer_id"]: float("nan")})
    assign(service, customer, second["customer_id"])
    write(service, cost='"current_fee / 10"', value=100)

    def profit(name: str = customer) -> float | None:
        return service.client.get(f"/v1/customers/{name}/risk", headers=key).json()["campaign_expected_profit"]

    assert profit() == pytest.approx(p * 0.5 * 100 - 4.5, abs=1e-4)
    assert profit(second["customer_id"]) is None  # whose cost is not known
    write(service, cost='"current_fee / 10"', value=300)
    assert profit() == pytest.approx(p * 0.5 * 300 - 4.5, abs=1e-4)
    page = list_customers(
        service.context, RiskIndexes(service.context.settings.home), Filters(search=customer), formulas=newest(service)
    )
    assert page is not None
    assert page.customers[0]["campaign_profit"] == pytest.approx(p * 0.5 * 300 - 4.5, abs=1e-4)


def newest(service: Service) -> NewestFormulaValues:
    return NewestFormulaValues(service.context.settings.home)


def publish(service: Service, text: str, values: dict[str, float]) -> None:
    with service.context.open_store() as store:
        run = store.scores.current_run()
    folder = run_path(service.context.settings.home, run.run_id)
    folder.mkdir(parents=True, exist_ok=True)
    pl.DataFrame({"customer_id": list(values), term_column(text): list(values.values())}).write_parquet(
        folder / FORMULAS
    )
