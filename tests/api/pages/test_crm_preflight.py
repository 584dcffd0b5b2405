"""Before a campaign is saved or pushed its form asks the CRM: does the connection work, do the fields fit, which rights lack."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import tomlkit
from fastapi.testclient import TestClient

from churn.accounts.users import create_user
from churn.api import create_app
from churn.api.bounded import Bounded
from churn.errors import RateLimited, Unreachable
from tests.api.conftest import Service
from tests.api.pages.conftest import Served, Visitor, context_of, serve
from tests.api.pages.test_campaign_editor import opened, post
from tests.api.pages.test_page_actions import PASSWORD, token_in
from tests.company import Company, copy_home
from tests.crm.connectors.odoo_fake import FakeOdoo
from tests.crm.connectors.test_rest import SECTION, FakeRest
from tests.crm.contract import SECRET
from tests.crm.wire import CrmServer, on_a_port

FITTING = "risk_band = risk_band\nchurn_probability = churn_probability"


@pytest.fixture
def rest() -> Iterator[CrmServer]:
    with on_a_port(FakeRest()) as server:
        yield server


@pytest.fixture
def odoo() -> Iterator[CrmServer]:
    with on_a_port(FakeOdoo()) as server:
        yield server


def connect(home: Path, monkeypatch: pytest.MonkeyPatch, **sections: dict[str, Any]) -> None:
    """Write connectors into the settings of a home, and their secrets into the environment."""
    config = home / "churn.toml"
    before = config.read_text(encoding="utf-8") if config.is_file() else ""
    config.write_text(f"{before}\n{tomlkit.dumps({'connectors': sections})}", encoding="utf-8")
    for name in sections:
        monkeypatch.setenv(f"CHURN_CONNECTOR_{name.upper()}_SECRET", SECRET)


@pytest.fixture
def maria(service: Service, rest: CrmServer, odoo: CrmServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    """Somebody who may push, where three CRMs are set up: one with a schema, one without, and Odoo."""
    home = service.context.settings.home
    sales = SECTION | {"url": f"{rest.url}/api/v2/"}
    plain = {name: value for name, value in sales.items() if not name.startswith("schema")}
    shop = {"kind": "odoo", "url": odoo.url, "database": "prod", "user": "ann"}
    connect(home, monkeypatch, sales=sales, plain=plain, shop=shop)
    create_user(service.context, "maria", PASSWORD, ["read", "push"])
    with TestClient(create_app(context_of(home))) as client:
        sign_in(client, "maria")
        yield client


def sign_in(client: TestClient, name: str) -> None:
    text = client.get("/sign-in", headers={"Accept": "text/html"}).text
    form = {"name": name, "secret": PASSWORD, "csrf": token_in(text)}
    assert client.post("/sign-in", data=form, follow_redirects=False).status_code == 303


def asked(maria: TestClient, connector: str, fields: str = FITTING, **filled: str) -> str:
    form = opened(maria, "/campaigns/support_call/edit", name="support_call")
    form |= {"crm.connector": connector, "crm.fields": fields, "crm.mode": "update", **filled}
    answer = post(maria, "/crm-preflight", form)
    assert answer.status_code == 200
    return answer.text


def test_a_mapping_that_fits_is_told_field_by_field_and_writes_nothing(
    maria: TestClient, rest: CrmServer, service: Service
) -> None:
    text = asked(maria, "sales")
    assert "Nothing stands in the way of a push." in text
    assert text.count("Fits") == 2
    assert {request.method for request in rest.crm.seen} == {"GET"}
    with service.context.open_store() as store:
        entry = store.requests.audited(limit=1)[0]
    assert (entry.who, entry.action, entry.subject) == ("maria", "check_crm", "sales")


def test_each_fault_stands_beside_its_field(maria: TestClient) -> None:
    text = asked(maria, "sales", "risk_band = risk_bnd\nchurn_probability = churn_probability\nmood = ext_id")
    rows = {row.split("</code>")[0].rsplit(">", 1)[1]: row for row in text.split("<tr")[2:]}
    assert "It has no field `risk_bnd` (there is `risk_band`)." in rows["risk_band"]
    assert "`mood` is none of our fields." in rows["mood"]
    assert "Fits" in rows["churn_probability"]
    assert "A push would be refused: see below." in text


def test_where_no_schema_tells_a_record_does(maria: TestClient, rest: CrmServer, service: Service) -> None:
    text = asked(maria, "plain")
    assert "the first push looks before it writes" in text
    with service.context.open_store() as store:
        riskiest = store.scores.current(order="churn_probability", limit=1)["customer_id"][0]
    rest.crm.add(riskiest, risk_band="low")
    text = asked(maria, "plain")
    assert "has no field cf_churn_probability" in text
    rest.crm.records["1"]["cf_churn_probability"] = None
    assert "Nothing stands in the way of a push." in asked(maria, "plain")


def test_rights_that_lack_and_a_refused_secret_are_told(maria: TestClient, odoo: CrmServer) -> None:
    fields = "risk_band = risk_band"
    crm = odoo.crm
    assert isinstance(crm, FakeOdoo)
    crm.refused_rights = {"create"}
    assert "Nothing stands in the way of a push." in asked(maria, "shop", fields)
    text = asked(maria, "shop", fields, **{"crm.mode": "upsert"})
    assert "Its user may not create records." in text.split('id="preflight-mode"')[1].split("</div>")[0]
    crm.refused_rights = {"write"}
    assert "may not write res.partner" in asked(maria, "shop", fields)
    crm.secret = "another"
    text = asked(maria, "shop", fields)
    assert "No connection" in text
    assert SECRET not in text


def test_it_is_told_in_german_too(maria: TestClient) -> None:
    maria.headers["Accept-Language"] = "de"
    text = asked(maria, "sales", "risk_band = risk_bnd\nchurn_probability = churn_probability")
    assert "Es gibt dort kein Feld" in text
    assert "refused" not in text.lower()


def test_who_may_not_push_is_refused(maria: TestClient, service: Service) -> None:
    create_user(service.context, "piet", PASSWORD, ["read"])
    form = opened(maria, "/campaigns/support_call/edit", name="support_call")
    maria.cookies.clear()
    sign_in(maria, "piet")
    csrf = token_in(maria.get("/account").text)
    assert post(maria, "/crm-preflight", form | {"csrf": csrf, "crm.connector": "sales"}).status_code == 403


def test_a_connector_that_is_not_chosen_or_not_there_is_told(maria: TestClient) -> None:
    assert "Choose where it is pushed to." in asked(maria, "")
    assert "There is no such connector." in asked(maria, "sale")


def test_a_system_that_hangs_takes_its_share_of_threads_and_no_more() -> None:
    places, gate = Bounded(most=2, seconds=0.05), threading.Event()
    for _ in range(2):
        with pytest.raises(Unreachable, match="has not answered within"):
            places.ask(gate.wait, of="connector sales")
    with pytest.raises(RateLimited, match="others are being asked"):
        places.ask(gate.wait, of="connector sales")
    gate.set()
    patient = Bounded(most=1, seconds=30)
    assert patient.ask(lambda: 7, of="x") == 7
    with pytest.raises(ZeroDivisionError):
        patient.ask(lambda: 1 // 0, of="x")


@pytest.fixture
def served_beside(
    finished_company: Company, tmp_path: Path, rest: CrmServer, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Served]:
    home = tmp_path / "home"
    copy_home(finished_company.home, home, "warehouse.duckdb*")
    connect(home, monkeypatch, sales=SECTION | {"url": f"{rest.url}/api/v2/"})
    yield from serve(context_of(home))


def test_the_form_shows_the_answer_and_forgets_it_when_the_fields_change(
    served_beside: Served, visitors: Callable[[Served], Visitor], rest: CrmServer
) -> None:
    visitor = visitors(served_beside).sign_in(["read", "push"])
    visitor.visit("/campaigns/support_call/edit")
    page = visitor.page
    page.get_by_label("Pushed to").select_option("sales")
    page.get_by_label("Fields", exact=True).fill("risk_band = risk_bnd\nchurn_probability = churn_probability")
    rest.gate.clear()
    page.get_by_role("button", name="Check with the CRM").click()
    visitor.see("Asking; at most 20 seconds")
    assert page.get_by_role("button", name="Check with the CRM").is_disabled()
    rest.gate.set()
    visitor.see("A push would be refused: see below.", "It has no field")
    visitor.assert_accessible()
    visitor.screenshot("campaign-form-checked")
    page.get_by_label("Fields", exact=True).fill(FITTING)
    visitor.see("Changed since it was checked.")
    assert not page.get_by_text("It has no field").is_visible()
    page.get_by_role("button", name="Check with the CRM").click()
    visitor.see("Nothing stands in the way of a push.")
    assert page.get_by_text("Fits").count() == 2
