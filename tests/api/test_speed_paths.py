"""The quick ways of the service answer what the slow ones answer."""

from __future__ import annotations

import time
from datetime import datetime

import polars as pl

from churn.api import keyring
from churn.api.schemas import CustomerRisk
from churn.store import PlanRecord
from churn.workflows.serve_scores import customer_risk
from tests.api.conftest import Service


def test_a_known_callers_answer_is_the_one_everybody_gets(service: Service) -> None:
    with service.context.open_store() as store:
        listed = store.published.current(limit=40)
        run = store.scores.current_run()
        assert run is not None
        at = datetime(2026, 7, 1, 2, 3, 4, 5)
        plan = PlanRecord("p", "fix_payment", "h", {}, at, run.snapshot_date, None, "m", "case_study", {}, {})
        rows = listed.head(3).select(
            "customer_id", "churn_probability", "risk_band", "expected_profit", "value_of_save",
            arm=pl.Series(["treatment", "holdout", "treatment"]), stratum=pl.lit("high"),
            contact_cost=pl.lit(2.0), incentive_cost=pl.lit(0.0),
        )  # fmt: skip
        store.plans.save(plan, rows)
    key = service.key("read")
    for customer_id in listed["customer_id"]:
        expected = CustomerRisk.model_validate(customer_risk(service.context, customer_id)).model_dump(mode="json")
        for _ in range(2):  # the second time the key is known
            answer = service.client.get(f"/v1/customers/{customer_id}/risk", headers=key)
            assert answer.json() == expected
    assert service.client.get("/v1/customers/nobody/risk", headers=key).status_code == 404


def test_a_second_after_a_promotion_elsewhere_the_new_model_serves(service: Service) -> None:
    from dataclasses import replace

    key, rows = service.key("read"), {"rows": [{"features": {}}]}
    service.client.post("/v1/scores", json=rows, headers=key)
    with service.context.open_store() as store:
        champion = store.models.champion()
        assert champion is not None
        store.models.register(replace(champion, version="next", status="challenger"))
        store.models.promote("next", who="another process", why="better", at=service.context.clock())
    time.sleep(keyring.SECONDS)
    assert service.client.post("/v1/scores", json=rows, headers=key).json()["model_version"] == "next"


def test_a_log_put_aside_is_followed_by_a_new_one(service: Service) -> None:
    log = service.context.settings.home / "churn.log"
    service.client.get("/healthz")
    log.rename(log.with_suffix(".1"))
    time.sleep(0.15)
    service.client.get("/healthz", headers={"X-Request-Id": "after"})
    assert '"request_id": "after"' in log.read_text(encoding="utf-8")
