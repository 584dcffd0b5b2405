"""Programmes and decisions over HTTP, in the town of the plans."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing

import polars as pl
import pytest
from fastapi.testclient import TestClient

from churn.accounts.keys import create_key
from churn.api import create_app
from churn.documents.off_policy import NoPolicyProfit
from churn.documents.programme_findings import EvaluatedPolicy
from churn.jobs.now import work_now
from churn.store.service_records import ScheduledRun
from churn.views.programmes import show_programme
from churn.workflows.define import archive
from tests.workflows.plan.keeping import APPROVAL, PROGRAMME, keep_in, logged, plan, write
from tests.workflows.plan.town import DAY, Town


@pytest.fixture
def client(town: Town) -> Iterator[TestClient]:
    keep_in(town, PROGRAMME + APPROVAL + 'by = ["boss"]\n')
    plan(town)
    with TestClient(create_app(town.context), raise_server_exceptions=False) as client:
        yield client


def key(town: Town, name: str, *scopes: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {create_key(town.context, name, scopes)}"}


def test_a_round_is_shown_approved_and_decides(town: Town, client: TestClient) -> None:
    reader, boss = key(town, "reader", "read"), key(town, "boss", "read", "push")
    desk = key(town, "desk", "push")
    (listed,) = client.get("/v1/programmes", headers=reader).json()
    assert (listed["name"], listed["waiting"], listed["state"]) == ("keep", 1, "draft")
    shown = client.get("/v1/programmes/keep", headers=reader).json()
    assert [arm["offer"] for arm in shown["newest"]["arms"]] == ["call", "mail", "leave_alone"]
    assert client.get("/v1/programmes/keep/rounds/1", headers=reader).json()["round"] == 1
    assert client.get("/v1/programmes/kep", headers=reader).status_code == 404
    wanted = {"programme": "keep", "customer_id": "C0001", "moment": "cancel_click"}
    assert client.post("/v1/decisions", headers=desk, json=wanted).status_code == 404  # still a draft
    assert client.post("/v1/programmes/keep/approve", headers=reader, json={}).status_code == 403
    refused = client.post("/v1/programmes/keep/approve", headers=desk, json={})
    assert (refused.status_code, refused.json()["detail"]) == (422, "desk may not approve it: boss may")
    approved = client.post("/v1/programmes/keep/approve", headers=boss, json={"round": 1, "note": "go"}).json()
    assert approved["state"] == "approved"
    assert approved["treatment"] > 0
    row = logged(town).filter(pl.col("arm") == "mail").row(0, named=True)
    wanted["customer_id"] = row["customer_id"]
    headers = {**desk, "Idempotency-Key": "click 1"}
    decision = client.post("/v1/decisions", headers=headers, json=wanted).json()
    assert (decision["decision"], decision["channel"], decision["campaign"]) == ("mail", "email", "mail_20260301")
    assert 0 < decision["probability"] < 1
    assert client.post("/v1/decisions", headers=headers, json=wanted).json() == decision
    other = client.post("/v1/decisions", headers=headers, json={**wanted, "moment": "call"})
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    risk = client.get(f"/v1/customers/{row['customer_id']}/risk", headers=reader).json()
    assert risk["next_best_offer"] == "mail"
    held = logged(town).filter("is_holdout").row(0, named=True)["customer_id"]
    assert client.get(f"/v1/customers/{held}/risk", headers=reader).json()["next_best_offer"] is None


def test_a_programme_is_foreseen_and_other_policies_are_asked_for(town: Town, client: TestClient) -> None:
    reader, boss = key(town, "reader", "read"), key(town, "boss", "push", "read")
    assert client.get("/v1/programmes/keep/height", headers=reader).status_code == 404
    assert client.post("/v1/programmes/keep/height", headers=reader, json={}).status_code == 403
    asked = client.post("/v1/programmes/keep/height", headers=boss, json={"months": 2})
    assert (asked.status_code, asked.json()["job"]) == (202, "height")
    done = work(town, asked.json()["run_id"])
    assert done.state == "done", done.error
    height = client.get("/v1/programmes/keep/height", headers=reader).json()
    assert height["months"] == 2
    assert client.get("/v1/programmes/keep", headers=reader).json()["height"] == height
    assert show_programme(town.context, "keep").height_words
    with (
        closing(sqlite3.connect(town.home / "store.sqlite")) as store,
        store,
    ):  # the model fails its gate: no money of it
        (before,) = store.execute("select metrics from model_versions").fetchone()
        store.execute("update model_versions set metrics = ?", (json.dumps({"is_calibrated": False}),))
    assert show_programme(town.context, "keep").height_words == ()
    with TestClient(create_app(town.context)) as closed:
        assert closed.get("/v1/programmes/keep/height", headers=reader).status_code == 404
    with closing(sqlite3.connect(town.home / "store.sqlite")) as store, store:
        store.execute("update model_versions set metrics = ?", (before,))
    refused = client.post("/v1/programmes/keep/evaluations", headers=boss, json={"policy": "leave_alone"})
    assert "no round was approved yet" in refused.json()["detail"]
    client.post("/v1/programmes/keep/approve", headers=boss, json={"round": 1})
    wrong = client.post("/v1/programmes/keep/evaluations", headers=boss, json={"policy": "best"})
    assert (wrong.status_code, "There are plan, greedy" in wrong.text) == (422, True)
    asked = client.post("/v1/programmes/keep/evaluations", headers=boss, json={"policy": "mail", "against": None})
    assert asked.json()["parameters"] == {"programme": "keep", "policy": "mail", "against": "none"}
    assert client.get("/v1/programmes/keep/evaluations", headers=reader).json() == []
    evaluated = EvaluatedPolicy(
        programme="keep",
        rounds=1,
        last_date=DAY,
        currency="USD",
        answer=NoPolicyProfit(
            policy="mail",
            against=None,
            reason="too_few",
            decisions=9,
            effective=3.0,
            unsupported=0.0,
            needed_effective=200.0,
            allowed_unsupported=0.01,
        ),
        sentences=("It cannot be told.",),
    )
    with town.context.open_store() as store:
        store.programmes.keep_evaluation(evaluated, town.now)
    (kept,) = client.get("/v1/programmes/keep/evaluations", headers=reader).json()
    assert kept["answer"]["kind"] == "refusal"


def work(town: Town, run_id: int) -> ScheduledRun:
    """Work what was asked for, as a scheduler does, and return how it ended."""
    with town.context.open_store() as store:
        run = store.jobs.get(run_id)
    work_now(town.context, run, retries=False)
    with town.context.open_store() as store:
        return store.jobs.get(run_id)


def test_a_rejected_round_assigns_nobody(town: Town, client: TestClient) -> None:
    boss = key(town, "boss", "push")
    rejected = client.post("/v1/programmes/keep/reject", headers=boss, json={"note": "no"}).json()
    assert rejected["state"] == "rejected"
    again = client.post("/v1/programmes/keep/approve", headers=boss, json={})
    assert again.status_code == 422
    write(town)


def test_campaigns_and_programmes_are_archived_and_brought_back(town: Town, client: TestClient) -> None:
    reader, desk = key(town, "reader", "read"), key(town, "desk", "read", "push")
    assert client.post("/v1/programmes/keep/archive", headers=reader, json={}).status_code == 403
    competes = client.post("/v1/campaigns/call/archive", headers=desk, json={})
    assert (competes.status_code, competes.json()["detail"]) == (422, "the offer of `call` competes in `keep`")
    answer = client.post("/v1/programmes/keep/archive", headers=desk, json={"why": "over"}).json()
    assert client.get("/v1/programmes", headers=reader).json() == []
    (hidden,) = client.get("/v1/programmes", headers=reader, params={"archived": True}).json()
    assert (hidden["name"], hidden["archived"]) == ("keep", answer["archived"])
    assert client.post("/v1/programmes/keep/plan", headers=desk, json={}).status_code == 422
    assert client.post("/v1/campaigns/call/archive", headers=desk, json={}).status_code == 200
    listed = {row["name"]: row for row in client.get("/v1/campaigns", headers=reader).json()}
    assert "call" not in listed
    assert all("archived" not in row for row in listed.values())
    assert client.get("/v1/campaigns/call", headers=reader).json()["definition"]["archived"] == answer["archived"]
    assert client.post("/v1/campaigns/call/plan", headers=desk, json={}).status_code == 422
    for path in ("campaigns/call", "programmes/keep"):
        assert client.post(f"/v1/{path}/restore", headers=desk, json={}).json()["archived"] is None
    (back,) = client.get("/v1/programmes", headers=reader).json()
    assert "archived" not in back
    assert client.post("/v1/campaigns/none/archive", headers=desk, json={}).status_code == 404


def test_an_archived_programme_decides_no_more(town: Town, client: TestClient) -> None:
    boss = key(town, "boss", "read", "push")
    client.post("/v1/programmes/keep/approve", headers=boss, json={})
    archive(town.context, "programmes", "keep", who="boss")
    wanted = {"programme": "keep", "customer_id": "C0001", "moment": "cancel_click"}
    with TestClient(create_app(town.context), raise_server_exceptions=False) as later:  # it is looked at once a second
        refused = later.post("/v1/decisions", headers=boss, json=wanted)
    assert refused.status_code == 404
    assert "is archived since" in refused.json()["detail"]
