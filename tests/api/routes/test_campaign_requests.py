"""Systems define campaigns and ask for plans and pushes; a scheduler does the work."""

from __future__ import annotations

import shutil
from typing import Any

import pytest

from churn.jobs.now import work_now
from tests.api.conftest import Service
from tests.company import Company

CALL: dict[str, Any] = {
    "name": "winback_call",
    "campaign": {"title": 'A "call" before they leave'},
    "audience": {"filter": "days_since_last_login > 14"},
    "offer": {"channel": "phone", "contact_cost": 4.25},
    "crm": {"mode": "upsert", "fields": {"reasons": "churn_reasons"}},
}


def test_a_definition_is_kept_replaced_planned_and_pushed(service: Service, finished_company: Company) -> None:
    shutil.copy(finished_company.home / "warehouse.duckdb", service.context.settings.home)  # for whoever does the work
    push, read = service.key("push"), service.key("read")
    first = service.client.post("/v1/campaigns", json=CALL, headers=push)
    again = service.client.post("/v1/campaigns", json=CALL, headers=push)
    other = service.client.post("/v1/campaigns", json=CALL | {"limits": {"contacts": 50}}, headers=push)
    assert (first.status_code, again.status_code, other.status_code) == (201, 200, 200)
    assert [a.json()["is_changed"] for a in (first, again, other)] == [True, False, True]
    kept = service.client.get("/v1/campaigns/winback_call", headers=read).json()
    assert kept["definition"]["offer"]["contact_cost"] == 4.25

    once = push | {"Idempotency-Key": "tonight"}
    asked = service.client.post("/v1/campaigns/winback_call/plan", json={"budget": 100}, headers=once)
    twice = service.client.post("/v1/campaigns/winback_call/plan", json={"budget": 100}, headers=once)
    assert (asked.status_code, asked.json()["state"]) == (202, "queued")
    assert twice.json() == asked.json()
    _work(service, asked.json()["run_id"])
    plan = service.client.get("/v1/campaigns/winback_call/plan", headers=read).json()
    assert 0 < plan["campaigns"][0]["chosen"] <= 50

    pushed = service.client.post("/v1/campaigns/winback_call/sync", json={"connector": "file"}, headers=push)
    assert pushed.status_code == 202
    assert _work(service, pushed.json()["run_id"]) == "done"
    with service.context.open_store() as store:
        told = [entry.action for entry in store.requests.audited()]
    assert told[:2] == ["sync_campaign", "plan_campaign"]
    assert told.count("define_campaign") == 3


def _work(service: Service, run_id: int) -> str:
    with service.context.open_store() as store:
        run = store.jobs.get(run_id)
    assert run is not None
    return work_now(service.context, run, retries=False).run.state


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"audience": {"filter": "day_since_last_login > 14"}}, "no feature"),
        ({"audience": {"filter": "1 = 1); drop table customers; --"}}, ""),
        ({"audience": {"filter": "(select 1) > days_since_last_login"}}, ""),
        ({"crm": {"connector": "nope"}}, "no connector"),
        ({"crm": {"fields": {"reason": "x"}}}, "no field `reason`"),
        ({"offer": {"contact_cost": -1}}, "greater than or equal"),
        ({"offer": {"success_rate_expected": 0.9}}, "success rates must rise"),
        ({"name": "../../etc/passwd"}, "name"),
        ({"name": "con.toml"}, "name"),
        ({"surprise": 1}, "surprise"),
        ({"campaign": {"title": ""}}, "title"),
    ],
)
def test_a_definition_with_a_mistake_is_refused_and_not_kept(
    standing: Service, change: dict[str, Any], words: str
) -> None:
    answer = standing.client.post("/v1/campaigns", json=CALL | change, headers=standing.key("push"))
    assert answer.status_code == 422, answer.text
    assert words in answer.json()["detail"]
    folder = standing.context.settings.home / "campaigns"
    assert not list(folder.rglob("*.toml")) if folder.exists() else True


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("nobody/plan", {}, 404),
        ("nobody/sync", {}, 404),
        ("fix_payment/plan", {"budget": 0}, 422),
        ("fix_payment/plan", {"date": "2026-02-30"}, 422),
        ("fix_payment/sync", {}, 422),
        ("fix_payment/sync", {"connector": "nope"}, 422),
        ("fix_payment/sync", {"connector": "file"}, 422),
    ],
)
def test_what_cannot_be_done_is_refused_before_it_is_queued(
    standing: Service, path: str, body: dict[str, Any], status: int
) -> None:
    answer = standing.client.post(f"/v1/campaigns/{path}", json=body, headers=standing.key("push"))
    assert answer.status_code == status, answer.text
    with standing.context.open_store() as store:
        assert store.jobs.list(limit=5) == []


@pytest.mark.parametrize("path", ["", "/fix_payment/plan", "/fix_payment/sync"])
def test_reading_is_not_enough_to_change_anything(standing: Service, path: str) -> None:
    answer = standing.client.post(f"/v1/campaigns{path}", json=CALL if not path else {}, headers=standing.key("read"))
    assert (answer.status_code, answer.json()["code"]) == (403, "scope_missing")
