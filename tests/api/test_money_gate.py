"""Where the model's probabilities failed the calibration gate nothing that is read shows what they would be worth."""

from __future__ import annotations

import csv
import io
import json
import re
from contextlib import closing

import openpyxl
import pytest
from fastapi.testclient import TestClient

from churn.accounts.users import create_user
from churn.views.overview import read_overview
from churn.views.risk_list import read_risk_list
from churn.views.serving_files import SUMMARY, run_path
from churn.wording import money
from tests.api.conftest import Service

PASSWORD = "correct horse battery staple"
GATE = "fail the calibration gate"


@pytest.fixture
def closed(service: Service) -> Service:
    """A service whose champion failed the gate."""
    import sqlite3

    with closing(sqlite3.connect(service.context.settings.home / "store.sqlite")) as store, store:
        rows = store.execute("select version, metrics from model_versions").fetchall()
        for version, metrics in rows:
            failed = json.dumps(json.loads(metrics) | {"is_calibrated": False, "calibration_slope": 0.41})
            store.execute("update model_versions set metrics = ? where version = ?", (failed, version))
    return service


@pytest.fixture
def maria(closed: Service) -> TestClient:
    create_user(closed.context, "maria", PASSWORD, ["admin"])
    sign_in(closed.client)
    return closed.client


def sign_in(client: TestClient) -> None:
    text = client.get("/sign-in", headers={"Accept": "text/html"}).text
    token = re.search(r'name="csrf" value="(\w+)"', text)
    assert token is not None
    form = {"name": "maria", "secret": PASSWORD, "csrf": token[1]}
    assert client.post("/sign-in", data=form, follow_redirects=False).status_code == 303


def test_the_api_tells_no_expected_profit(closed: Service) -> None:
    read = closed.key("read")
    page = closed.client.get("/v1/risk-list?limit=50", headers=read).json()
    assert len(page["customers"]) > 10
    assert {customer["expected_profit"] for customer in page["customers"]} == {None}
    one = closed.client.get(f"/v1/customers/{page['customers'][0]['customer_id']}/risk", headers=read).json()
    assert one["expected_profit"] is None
    text = closed.client.get("/v1/risk-list?format=csv&limit=50", headers=read).text
    assert {row["expected_profit"] for row in csv.DictReader(io.StringIO(text))} == {""}
    content = closed.client.get("/v1/risk-list?format=xlsx&limit=50", headers=read).content
    head, *rows = openpyxl.load_workbook(io.BytesIO(content))["Risk list"].values
    assert len(rows) == len(text.splitlines()) - 1
    assert {row[head.index("expected_profit")] for row in rows} == {None}


def test_lists_and_files_tell_none(closed: Service, tmp_path) -> None:
    listed = read_risk_list(closed.context, top=20)
    assert not listed.tells_money
    assert {customer["expected_profit"] for customer in listed.customers} == {None}
    read_risk_list(closed.context, out=tmp_path / "list.csv")
    with (tmp_path / "list.csv").open(encoding="utf-8") as file:
        assert {row["expected_profit"] for row in csv.DictReader(file)} == {""}


def test_the_pages_say_why_instead(closed: Service, maria: TestClient) -> None:
    overview = read_overview(closed.context)
    assert overview.risk is not None
    assert not overview.tells_money
    losses = [overview.risk.listed_expected_loss, *(band.expected_revenue_loss for band in overview.risk.bands)]
    front = maria.get("/").text
    assert GATE in front
    assert not [loss for loss in losses if loss >= 100 and money(loss, cents=False) in front]
    listed = maria.get("/risk-list").text
    assert GATE in listed
    assert "if each is contacted, after costs" not in listed
    customer = read_risk_list(closed.context, top=1).customers[0]["customer_id"]
    shown = maria.get(f"/customers/{customer}").text
    assert GATE in shown
    assert "of contacting them now" not in shown
    assert "is expected to bring" not in shown


def test_revenue_that_nobody_knows_is_not_told_as_nothing(service: Service) -> None:
    run = read_risk_list(service.context, top=1).run
    path = run_path(service.context.settings.home, run.run_id) / SUMMARY
    summary = json.loads(path.read_text(encoding="utf-8"))
    for part in (summary, *summary["bands"]):
        part |= {name: 0.0 for name in part if name.endswith(("_revenue", "_loss"))}
    path.write_text(json.dumps(summary), encoding="utf-8")
    create_user(service.context, "maria", PASSWORD, ["admin"])
    sign_in(service.client)
    front = service.client.get("/").text
    assert "No monthly fee is in the data" in front
    assert "Revenue a month" not in front
    assert "$0" not in front
