"""The pages of programmes, in the town of the plans: the list, a draft with its buttons, and what follows a click."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient

from churn.accounts.sign_in import create_link
from churn.api import create_app
from churn.views.campaign_page import asked_jobs
from churn.views.programmes import show_programme
from tests.workflows.plan.keeping import APPROVAL, PROGRAMME, keep_in, plan
from tests.workflows.plan.town import Town


@pytest.fixture
def client(town: Town) -> Iterator[TestClient]:
    keep_in(town, PROGRAMME + APPROVAL)
    with TestClient(create_app(town.context), raise_server_exceptions=False) as client:
        token = create_link(town.context, ["admin"])
        client.get("/sign-in/link", params={"token": token})
        yield client


def test_a_draft_is_shown_and_approved_with_a_button(town: Town, client: TestClient) -> None:
    assert "Not planned yet" in client.get("/programmes").text
    assert "No round was planned yet" in client.get("/programmes/keep").text
    assert client.get("/programmes/kep").status_code == 404
    plan(town)
    assert "Waits for approval" in client.get("/programmes").text
    text = client.get("/programmes/keep").text
    assert "Round 1 waits for approval" in text
    assert "Approve round 1" in text
    csrf = re.search(r'name="csrf" value="([^"]+)"', text)
    assert csrf is not None
    sent = client.post(
        "/programmes/keep/approve",
        data={"csrf": csrf.group(1), "round": "1", "note": "go"},
        headers={"Origin": "http://testserver"},
    )
    assert sent.status_code == 200  # the page again
    assert "waits for approval" not in sent.text
    (shown,) = show_programme(town.context, "keep").rounds
    assert (shown.state, shown.note) == ("approved", "go")
    assert "What would it have earned?" in sent.text
    for place in ("height", "evaluate"):
        asked = client.post(
            f"/programmes/keep/{place}",
            data={"csrf": csrf.group(1), "policy": "mail"},
            headers={"Origin": "http://testserver"},
        )
        assert asked.status_code == 200
        assert place in [run.job for run in asked_jobs(client.app.churn.store, "keep")]  # type: ignore[attr-defined]
    campaign = client.get("/campaigns/call_20260301").text
    assert "A round of the programme" in campaign
    assert "Plan again" not in campaign
