"""A campaign's own terms in the simulator, at every door: the API, the page and the terminal say what its plan says."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient

from churn.accounts.keys import create_key
from churn.accounts.sign_in import create_link
from churn.api import create_app
from churn.cli.simulation_view import show
from churn.documents.simulation import SimulationDocument
from tests.workflows.plan.keeping import keep_in
from tests.workflows.plan.town import Town, register_model
from tests.workflows.simulate.test_contact_rules import published


@pytest.fixture
def client(town: Town) -> Iterator[TestClient]:
    keep_in(published(town))
    with TestClient(create_app(town.context), raise_server_exceptions=False) as client:
        yield client


def test_api_page_and_terminal_say_what_the_plan_of_a_campaign_says(
    town: Town, client: TestClient, capsys: pytest.CaptureFixture[str]
) -> None:
    key = {"Authorization": f"Bearer {create_key(town.context, 'desk', ['simulate'])}"}
    told = client.post("/v1/simulations", json={"campaign": "call", "name": "calls"}, headers=key).json()
    plan = town.document("call", is_dry_run=True)
    assert told["contacts"] == plan.expected.contacts > 0
    assert told["net_profit"] == pytest.approx(plan.expected.profit, abs=0.01)
    assert told["offer"]["campaign"] == "call"
    assert told["break_even"] is None
    saved = client.get("/v1/simulations", headers=key).json()[0]
    assert saved["inputs"]["campaign"] == "call"
    in_programme = client.post("/v1/simulations", json={"campaign": "call", "programme": "keep"}, headers=key).json()
    assert in_programme["offer"]["programme"] == "keep"
    wrong = client.post("/v1/simulations", json={"campaign": "cal"}, headers=key)
    assert (wrong.status_code, "Did you mean `call`?" in wrong.text) == (422, True)
    show(SimulationDocument.model_validate(told))
    printed = capsys.readouterr().out
    assert "By the terms of" in printed
    assert "differs by customer" in printed

    client.get("/sign-in/link", params={"token": create_link(town.context, ["admin"])})
    page = client.get("/simulator?offer=call&cut=optimum").text
    assert re.search(r'<option value="call"[^>]*selected', page)
    assert re.search(r'<option value="keep/call"', page)
    assert 'name="contact_cost"' not in page  # the file decides it
    assert f"<b>{told['contacts']}</b> customers" in page
    moved = client.get("/simulator/answer?offer=call&cut=contacts&contacts=5").json()
    assert moved["bar"]["contacts"] == "5"
    assert "offer=call" in moved["query"]
    unknown = client.get("/simulator?offer=cal").text
    assert "No campaign" in unknown
    assert 'name="contact_cost"' in unknown


def test_a_campaign_is_not_simulated_where_the_gate_fails_unless_it_is_asked_for_knowingly(
    town: Town, client: TestClient
) -> None:
    key = {"Authorization": f"Bearer {create_key(town.context, 'desk', ['simulate'])}"}
    register_model(town.home, bias=2.0)
    refused = client.post("/v1/simulations", json={"campaign": "call"}, headers=key)
    assert (refused.status_code, refused.json()["code"]) == (409, "not_calibrated")
    told = client.post("/v1/simulations", json={"campaign": "call", "allow_uncalibrated": True}, headers=key).json()
    assert told["calibration"]["is_overridden"]
    client.get("/sign-in/link", params={"token": create_link(town.context, ["admin"])})
    assert "Amounts withheld" in client.get("/simulator?offer=call").text
