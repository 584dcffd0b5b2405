"""What systems ask for all day long is answered as everything else is: the same values, refusals, limits and log."""

from __future__ import annotations

import json
import time
from datetime import datetime
from typing import Any

import polars as pl
import pytest

from churn.accounts.keys import REMEMBERED_SECONDS
from churn.api.rates import Rates
from churn.api.schemas.risk import CustomerRisk
from churn.errors import StoreBusy
from churn.views.customer_risk import customer_risk
from tests.api.conftest import Service
from tests.documents.samples import plan_record


def test_a_known_callers_answer_is_the_one_everybody_gets(service: Service) -> None:
    with service.context.open_store() as store:
        listed = store.published.current(limit=40)
        run = store.scores.current_run()
        assert run is not None
        at = datetime(2026, 7, 1, 2, 3, 4, 5)
        plan = plan_record("p", "fix_payment", planned_at=at, snapshot_date=run.snapshot_date)
        rows = listed.head(3).select(
            "customer_id", "churn_probability", "risk_band", "expected_profit", "value_of_save",
            arm=pl.Series(["treatment", "holdout", "treatment"]), stratum=pl.lit("high"),
            contact_cost=pl.lit(2.0), incentive_cost=pl.lit(0.0),
        )  # fmt: skip
        store.plans.save(plan, rows)
    key = service.key("read")
    newest = service.app.churn.newest_terms.profit
    with service.context.open_store() as store:
        risks = {name: customer_risk(store.published, name, newest) for name in listed["customer_id"]}
    assert sum(bool(risk["campaigns"]) for risk in risks.values()) == 3
    for customer_id, risk in risks.items():
        expected = CustomerRisk.model_validate(risk).model_dump(mode="json")
        for _ in range(2):  # the second time the key is known
            answer = service.client.get(f"/v1/customers/{customer_id}/risk", headers=key)
            assert answer.json() == expected
    assert service.client.get("/v1/customers/nobody/risk", headers=key).status_code == 404


def test_a_score_given_to_a_known_caller_is_the_one_that_everybody_gets(service: Service) -> None:
    bodies: list[dict[str, Any]] = [
        {"rows": [{"features": {}}]},
        {"rows": [{"customer_id": "é", "features": {"days_since_last_login": 23, "tenure_months": None}}]},
        {"rows": [{"features": {"plan": "basic", "is_x": True, "number_of_sessions_30d": "4"}}] * 2},
    ]
    for body in (body | {"with_reasons": with_reasons} for body in bodies for with_reasons in (False, True)):
        key = service.key("read")
        first, second = (service.client.post("/v1/scores", json=body, headers=key) for _ in range(2))
        assert first.status_code == second.status_code == 200
        assert first.headers.keys() == second.headers.keys()
        at = {"scored_at": "", "data_cutoff": ""}
        assert first.json() | at == second.json() | at


def test_a_risk_is_read_by_a_thread_that_waits_while_the_file_is_locked(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, store = service.key("read"), service.app.churn.store
    path = f"/v1/customers/{store.published.current(limit=1)['customer_id'][0]}/risk"
    expected = service.client.get(path, headers=key).json()
    refused = []

    def busy(customer_id: str) -> None:
        refused.append(customer_id)
        raise StoreBusy("another process is writing to the store")

    monkeypatch.setattr(store.prompt, "customer", busy)
    assert service.client.get(path, headers=key).json() == expected
    assert len(refused) == 1


@pytest.mark.parametrize(
    ("content", "headers", "status"),
    [
        (b'{"rows": [', {}, 422),
        (b'{"rows": []}', {}, 422),
        (b'{"rows": [{"features": {}, "more": 1}]}', {}, 422),
        (b'{"rows": [{"features": {"days_since_last_login": "much"}}]}', {}, 409),
        (b'{"rows": [{"features": {}}]}', {"Content-Type": "text/plain"}, 422),
        (b'{"rows": [{"features": {}}]}', {"Idempotency-Key": "k"}, 200),
        (b'{"rows": [{"customer_id": "nobody", "overrides": {}}]}', {}, 404),
        (json.dumps({"rows": [{"features": {}}] * 3}).encode(), {}, 200),
    ],
)
def test_a_request_for_scores_is_answered_or_refused_with_a_code(
    standing: Service, content: bytes, headers: dict[str, str], status: int
) -> None:
    key = standing.key("read") | {"Content-Type": "application/json"} | headers
    standing.client.get("/v1/models", headers=key)  # the key is known from here on
    standing.app.churn.champion.get()
    answer = standing.client.post("/v1/scores", content=content, headers=key)
    assert answer.status_code == status, answer.text
    if status >= 400:
        assert answer.json()["code"]


def test_a_key_without_the_scope_or_above_its_rate_gets_no_answer(service: Service) -> None:
    state = service.app.churn
    generous = state.rates
    writer = service.key("push")
    for path in ("/v1/customers/nobody/risk", "/v1/scores"):
        reader = service.key("read")  # whose bucket is full
        method, body = ("POST", b'{"rows": [{"features": {}}]}') if path.endswith("scores") else ("GET", None)
        kind = {"Content-Type": "application/json"}
        for _ in range(2):
            assert service.client.request(method, path, content=body, headers=writer | kind).status_code == 403
        service.client.request(method, path, content=body, headers=reader | kind)
        state.rates = Rates(per_minute=1)
        for _ in range(2):
            answer = service.client.request(method, path, content=body, headers=reader | kind)
        assert answer.status_code == 429
        state.rates = generous


def test_a_second_after_a_promotion_elsewhere_the_new_model_serves(service: Service) -> None:
    from dataclasses import replace

    key, rows = service.key("read"), {"rows": [{"features": {}}]}
    service.client.post("/v1/scores", json=rows, headers=key)
    with service.context.open_store() as store:
        champion = store.models.champion()
        assert champion is not None
        store.models.register(replace(champion, version="next", status="challenger"))
        store.models.promote("next", who="another process", why="better", at=service.context.clock())
    time.sleep(REMEMBERED_SECONDS)
    assert service.client.post("/v1/scores", json=rows, headers=key).json()["model_version"] == "next"


def test_a_log_put_aside_is_followed_by_a_new_one(service: Service) -> None:
    log = service.context.settings.home / "churn.log"
    service.client.get("/healthz")
    log.rename(log.with_suffix(".1"))
    time.sleep(0.15)
    service.client.get("/healthz", headers={"X-Request-Id": "after"})
    assert '"request_id": "after"' in log.read_text(encoding="utf-8")
