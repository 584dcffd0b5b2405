from __future__ import annotations

import csv
import io
from dataclasses import replace

from tests.api.conftest import Service


def test_a_customers_risk_says_why_and_on_what_data(standing: Service) -> None:
    key = standing.key("read")
    first = standing.client.get("/v1/risk-list?limit=1", headers=key).json()["customers"][0]
    found = standing.client.get(f"/v1/customers/{first['customer_id']}/risk", headers=key).json()
    assert found["churn_probability"] == first["churn_probability"]
    assert found["reasons"][0]["text"]
    assert {"scored_at", "snapshot_date", "model_version", "data_cutoff"} <= found.keys()


def test_the_pages_of_the_list_together_are_the_list(standing: Service) -> None:
    key, seen, cursor = standing.key("read"), [], None
    whole = standing.client.get("/v1/risk-list?limit=1000", headers=key).json()["customers"]
    while True:
        told = {"limit": 97} | ({"cursor": cursor} if cursor else {})
        page = standing.client.get("/v1/risk-list", params=told, headers=key).json()
        seen += page["customers"]
        cursor = page["next_cursor"]
        if cursor is None or len(seen) >= 1000:
            break
    assert [c["customer_id"] for c in seen[:1000]] == [c["customer_id"] for c in whole]
    profits = [c["expected_profit"] for c in whole]
    assert profits == sorted(profits, reverse=True)


def test_a_parameter_that_a_route_does_not_know_is_refused(standing: Service) -> None:
    key = standing.key("read")
    answer = standing.client.get("/v1/risk-list?min_probabilty=0.9&limit=5", headers=key)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "query.min_probabilty"
    assert "min_probability" in answer.json()["detail"]
    assert standing.client.get("/v1/models?stage=champion", headers=key).status_code == 422
    assert standing.client.get("/v1/risk-list?min_probabilty=0.9").status_code == 401  # who has no key learns nothing


def test_an_unchanged_page_is_not_sent_twice(standing: Service) -> None:
    key = standing.key("read")
    first = standing.client.get("/v1/risk-list?limit=5", headers=key)
    again = standing.client.get("/v1/risk-list?limit=5", headers=key | {"If-None-Match": first.headers["etag"]})
    other = standing.client.get("/v1/risk-list?limit=6", headers=key | {"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content, other.status_code) == (304, b"", 200)


def test_the_list_as_csv_is_one_row_a_customer_with_reasons_in_words(standing: Service) -> None:
    answer = standing.client.get("/v1/risk-list?limit=3&format=csv", headers=standing.key("read"))
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert len(rows) == 3
    assert rows[0]["reasons"]
    assert answer.headers["content-type"].startswith("text/csv")


def test_rows_are_scored_now_with_reasons_and_strange_features_named(standing: Service) -> None:
    failing = {
        "customer_id": "a",
        "features": {"open_payment_failures": 3, "has_unpaid_bill": True, "no_such_feature": 1},
    }
    paying = {"customer_id": "b", "features": {"open_payment_failures": 0, "has_unpaid_bill": False}}
    answer = standing.client.post(
        "/v1/scores", json={"rows": [failing, paying], "with_reasons": True}, headers=standing.key("read")
    ).json()
    one, two = answer["scores"]
    assert one["churn_probability"] > two["churn_probability"]
    assert one["reasons"]
    assert answer["unknown_features"] == ["no_such_feature"]


def test_a_simulation_is_the_command_lines_and_can_be_saved_and_listed(service: Service) -> None:
    key = service.key("simulate")
    made = service.client.post("/v1/simulations", json={"preset": "case-study", "name": "case"}, headers=key).json()
    assert (made["contacts"], made["net_profit"]) == (11_000, 46_000)
    assert [s["name"] for s in service.client.get("/v1/simulations", headers=key).json()] == ["case"]
    assert service.client.get("/v1/simulations/case", headers=key).json()["net_profit"] == 46_000


def test_a_promoted_model_serves_the_next_request_and_the_history_says_who_did_it(service: Service) -> None:
    admin = service.key("admin")
    _register_again(service, "another")
    rows = {"rows": [{"features": {}}]}
    before = service.client.post("/v1/scores", json=rows, headers=admin).json()["model_version"]
    told = service.client.post("/v1/models/another/promote", json={"why": "try it"}, headers=admin)
    after = service.client.post("/v1/scores", json=rows, headers=admin).json()["model_version"]
    assert (told.json()["status"], before != "another", after) == ("champion", True, "another")
    with service.context.open_store() as store:
        assert store.models.history()[0].why == "try it"
        entry = store.requests.audited()[0]
    assert (entry.action, entry.subject, entry.who) == ("promote_model", "another", "key 0")


def test_a_write_repeated_with_its_key_is_answered_and_not_done_again(service: Service) -> None:
    admin = service.key("admin") | {"Idempotency-Key": "promotion-1"}
    _register_again(service, "another")
    path = "/v1/models/another/promote"
    with service.context.open_store() as store:
        before = len(store.models.history())
    first = service.client.post(path, json={"why": "once"}, headers=admin)
    again = service.client.post(path, json={"why": "once"}, headers=admin)
    other = service.client.post(path, json={"why": "else"}, headers=admin)
    with service.context.open_store() as store:
        assert len(store.models.history()) == before + 1
    assert again.json() == first.json()
    assert again.headers["idempotent-replayed"] == "true"
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")


def test_a_write_that_failed_may_be_tried_again_with_its_key(service: Service) -> None:
    admin = service.key("admin") | {"Idempotency-Key": "x"}
    for _ in range(2):
        answer = service.client.post("/v1/models/rollback", json={"why": "none before it"}, headers=admin)
        assert answer.status_code == 409
        assert "idempotent-replayed" not in answer.headers


def test_metrics_count_requests_by_route_and_hold_no_customer(service: Service) -> None:
    service.client.get("/v1/customers/C-secret/risk", headers=service.key("read"))
    text = service.client.get("/metrics").text
    assert 'route="/v1/customers/{customer_id}/risk",status="404"' in text
    assert "churn_scored_customers" in text
    assert "C-secret" not in text
    assert "C-secret" not in (service.context.settings.home / "churn.log").read_text(encoding="utf-8")


def _register_again(service: Service, name: str) -> None:
    with service.context.open_store() as store:
        champion = store.models.champion()
        assert champion is not None
        store.models.register(replace(champion, version=name, status="challenger"))
