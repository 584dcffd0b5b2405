"""A home whose calibration gate fails, walked whole: no page, answer, command or report shows money that rests on the model."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import polars as pl
import pytest
from fastapi.routing import APIRoute
from typer.testing import CliRunner

from churn.api import pages
from churn.api.routes import ROUTERS
from churn.cli import build_app
from churn.modeling.serving import bundles
from tests.api.conftest import Service
from tests.api.test_money_gate import PASSWORD, sign_in
from tests.company import Company, copy_home

# What the model's probabilities would be worth, by the names that documents give it.
MODEL_MONEY = {"expected_profit", "net_profit", "empc", "money_at_risk", "expected_revenue_loss", "revenue_at_risk"}
MODEL_GAUGES = ("churn_margin_at_risk",)
# Words beside which a page or a command would tell such an amount.
TOLD = re.compile(
    r"(?i)(expected profit|net profit|profit on the test|at risk|would earn|is expected to (?:bring|leave)|rests on it|worth"
    r" (?=[$€£]))[^.;|]{0,60}?[$€£]\s?-?\d"
)
# Amounts of plans and simulations made on request, of measured campaigns and of what the data hold are none of the model's.
APART = (
    "/v1/simulations",
    "/v1/campaigns",
    "/v1/experiments",
    "/v1/insights",
    "/experiments",
    "/campaigns",
    "/insights",
    "/reports",
)


@pytest.fixture
def closed(service: Service) -> Service:
    """A service whose champion failed the gate: by its own figures, and on the rows kept with it."""
    fail_the_gate(service.context.settings.home)
    return service


@pytest.fixture
def closed_company(finished_company: Company, tmp_path: Path) -> Company:
    """A company with its warehouse whose champion failed the gate."""
    home = tmp_path / "home"
    copy_home(finished_company.home, home)
    fail_the_gate(home)
    return Company(home)


def fail_the_gate(home: Path) -> None:
    with closing(sqlite3.connect(home / "store.sqlite")) as store, store:
        rows = store.execute("select version, metrics, reason, bundle from model_versions").fetchall()
        for version, metrics, reason, bundle in rows:
            failed = json.dumps(json.loads(metrics) | {"is_calibrated": False, "calibration_slope": 0.41})
            told = _without_amounts(reason)
            store.execute(
                "update model_versions set metrics = ?, reason = ? where version = ?", (failed, told, version)
            )
            _spoil(home / "models" / bundle)


def _without_amounts(text: str) -> str:
    """Return a model's card or reason as a training whose gate fails writes it: it knows so when it chooses."""
    return re.sub(r"(net profit on rows it had not learnt from), [^ ]+,", r"\1", text)


def _spoil(folder: Path) -> None:
    """Double the probabilities of the evaluation rows, so that the gate fails on them as well."""
    path = folder / "evaluation.parquet"
    frame = pl.read_parquet(path)
    frame.with_columns((pl.col("churn_probability") * 2).clip(0, 1)).write_parquet(path)
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["files"]["evaluation.parquet"] = bundles.digest(path)
    (folder / "manifest.json").write_text(json.dumps(manifest))
    card = folder / "card.json"
    if card.is_file():
        document = json.loads(card.read_text())
        document["calibration"] |= {
            "is_passed": False,
            "reasons": ["the calibration slope is 0.41, not within 0.8 to 1.25"],
        }
        card.write_text(json.dumps(document))
        for written in (card, folder / "card.md"):
            written.write_text(_without_amounts(written.read_text(encoding="utf-8")), encoding="utf-8")
            manifest["files"][written.name] = bundles.digest(written)
        (folder / "manifest.json").write_text(json.dumps(manifest))


def amounts(document: object, path: str = "") -> Iterator[str]:
    """Yield the place of every amount of the model in an answer."""
    if isinstance(document, dict):
        for name, value in document.items():
            place = f"{path}.{name}"
            is_money = name.removesuffix("_interval") in MODEL_MONEY
            if is_money and value not in (None, [], [None, None]) and not isinstance(value, dict | list):
                yield place
            if is_money and isinstance(value, list) and any(isinstance(end, int | float) for end in value):
                yield place
            yield from amounts(value, place)
    elif isinstance(document, list):
        for number, value in enumerate(document):
            yield from amounts(value, f"{path}[{number}]")


def paths(service: Service, customer: str) -> list[str]:
    """Return every address that is read with GET, its places filled with what the home holds."""
    version = service.context.open_store
    with version() as store:
        model = store.models.champion().version
        saved = [record.name for record in store.simulations.list()]
    filled = {
        "customer_id": customer,
        "version": model,
        "campaign": "fix_payment",
        "name": saved[0] if saved else "none",
    }
    found = []
    for route in (route for router in (*pages.ROUTERS, *ROUTERS) for route in router.routes):
        if isinstance(route, APIRoute) and "GET" in route.methods:
            path = re.sub(r":path\}", "}", route.path)
            names = re.findall(r"\{(\w+)\}", path)
            if all(name in filled for name in names):
                found.append(path.format(**filled))
    return found


def text_of(html: str) -> str:
    html = re.sub(r"(?s)<(script|style)\b.*?</\1>", " ", html)
    html = re.sub(r"</t[hd]>", " | ", html)  # a heading says nothing of the next cell
    html = re.sub(r'<td[^>]*data-label="([^"]*)"[^>]*>', r" \1 ", html)  # a cell is told by its label
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html).replace("&nbsp;", " ")).replace("\u2212", "-")


def test_no_page_and_no_answer_tells_money_of_the_model(closed: Service) -> None:
    from churn.accounts.users import create_user

    create_user(closed.context, "maria", PASSWORD, ["admin"])
    sign_in(closed.client)
    key = closed.key("read", "simulate", "admin")
    customer = closed.client.get("/v1/risk-list?limit=1", headers=key).json()["customers"][0]["customer_id"]
    walked, told = [], {}
    for path in paths(closed, customer):
        is_api = path.startswith("/v1")
        answer = closed.client.get(path, headers=key if is_api else {"Accept": "text/html"})
        if answer.status_code != 200 or path.startswith(APART):
            continue
        walked.append(path)
        if "json" in answer.headers["content-type"] and not path.endswith("openapi.json"):
            wrong = list(amounts(answer.json()))
        elif "html" in answer.headers["content-type"]:
            wrong = [match.group(0) for match in TOLD.finditer(text_of(answer.text))]
        else:
            wrong = [name for name in MODEL_GAUGES if name in answer.text]
        if wrong:
            told[path] = wrong[:5]
    assert not told, told
    assert {"/", "/risk-list", "/model", "/simulator", "/v1/risk-list", "/v1/models"} <= set(walked), walked
    assert any(path.startswith("/customers/") for path in walked)


def test_a_simulation_is_refused_unless_it_is_asked_for_knowingly(closed: Service) -> None:
    key = closed.key("simulate")
    assert closed.client.post("/v1/simulations", json={}, headers=key).status_code == 409
    told = closed.client.post("/v1/simulations", json={"allow_uncalibrated": True}, headers=key)
    assert told.status_code == 200
    assert told.json()["calibration"]["is_overridden"]


@pytest.mark.parametrize(
    "words",
    [
        ["risk-list", "--json"],
        ["risk-list"],
        ["models", "list", "--json"],
        ["models", "list"],
        ["models", "show", "--json"],
        ["models", "show"],
        ["simulate"],
    ],
)
def test_no_command_tells_money_of_the_model(closed: Service, words: list[str]) -> None:
    home = closed.context.settings.home
    result = CliRunner().invoke(build_app(), [*words, "--home", str(home)])
    if words == ["simulate"]:
        assert result.exit_code == 4
        assert "$" not in result.output
    elif "--json" in words:
        assert not list(amounts(json.loads(result.output)))
    else:
        assert not TOLD.search(re.sub(r"\s+", " ", result.output)), result.output


def test_no_report_and_no_command_over_the_warehouse_tells_money_of_the_model(closed_company: Company) -> None:
    closed_company.run("report", "--out", str(closed_company.home / "told.html"))
    report = text_of((closed_company.home / "told.html").read_text(encoding="utf-8"))
    assert "of monthly revenue" in report  # what the data hold is told
    assert not TOLD.search(report), TOLD.findall(report)
    assert not list(amounts(closed_company.json("monitor")))
    pushed = closed_company.run("sync", "risk-list", "--to", "file", "--dry-run")
    planned = closed_company.run("plan", "fix_payment", "--dry-run", code=4)
    for said in (pushed.stdout, planned.stdout + planned.stderr):
        assert not re.search(r"[$€]\s?-?\d", said), said


def test_the_walk_finds_such_money_where_the_gate_is_passed(service: Service) -> None:
    """A check that cannot fail would hold nothing."""
    key = service.key("read")
    assert list(amounts(service.client.get("/v1/risk-list", headers=key).json()))
    assert list(amounts(service.client.get("/v1/models", headers=key).json()))


def test_the_simulator_page_leads_from_whom_it_would_pay_to_contact_to_who_is(service: Service) -> None:
    from churn.accounts.users import create_user

    create_user(service.context, "maria", PASSWORD, ["admin"])
    sign_in(service.client)
    page = service.client.get("/simulator", headers={"Accept": "text/html"})
    assert page.status_code == 200
    text = text_of(page.text)
    assert page.text.count("chart-live") >= 2
    document = service.client.post("/v1/simulations", json={}, headers=service.key("simulate")).json()
    assert [step["step"] for step in document["funnel"]][:2] == ["scored", "recommended"]
    assert document["funnel"][-1]["customers"] == document["contacts"]
    for step in document["funnel"]:
        assert step["label"] in text
