"""Views of the risk list saved under a name: each person's own, without a search for a customer; and columns to choose."""

from __future__ import annotations

import re
from typing import Any

import pytest
from fastapi.testclient import TestClient

from churn.accounts.keys import create_key
from churn.accounts.users import create_user, remove_user
from churn.store.service_records import SavedView
from tests.api.conftest import Service
from tests.api.pages.test_page_actions import PASSWORD, token_in
from tests.api.pages.test_pages import signed_in

HTML = {"Accept": "text/html"}
QUERY = "?q=C0000042&show=all&band=high&plan=&min=20&sort=change&dir=desc&after=C7&col=why&col=profit&x=%3Cscript%3E"
KEPT = "show=all&band=high&min=20&sort=change&col=why&col=profit"


def enter(service: Service, **form: str) -> TestClient:
    client = service.client
    client.cookies.clear()
    csrf = token_in(client.get("/sign-in", headers=HTML).text)
    assert client.post("/sign-in", data={"csrf": csrf, **form}, follow_redirects=False).status_code == 303
    return client


@pytest.fixture
def maria(service: Service) -> TestClient:
    create_user(service.context, "maria", PASSWORD, ["read"])
    return enter(service, name="maria", secret=PASSWORD)


def views_of(service: Service, name: str) -> list[SavedView]:
    with service.context.open_store() as store:
        return store.views.list(name)


def test_a_view_keeps_filters_order_and_columns_and_no_search_for_a_customer(
    service: Service, maria: TestClient
) -> None:
    form = {"csrf": token_in(maria.get("/risk-list").text), "name": "  High,  all ", "query": QUERY}
    saved = maria.post("/risk-list/views", data=form, follow_redirects=False)
    assert saved.headers["location"] == f"/risk-list?{KEPT}"
    page = maria.get(saved.headers["location"]).text
    assert re.search(r'aria-current="true">High, all</a>', page)
    maria.post("/risk-list/views", data=form | {"query": ""})
    (view,) = views_of(service, "maria")
    assert (view.name, view.query) == ("High, all", "")
    assert maria.post("/risk-list/views", data=form | {"name": "<b>"}, headers=HTML).status_code == 422
    assert maria.post("/risk-list/views/remove", data=form | {"name": "no"}, headers=HTML).status_code == 404
    maria.post("/risk-list/views/remove", data=form | {"name": "High, all"})
    assert views_of(service, "maria") == []


def test_views_are_each_persons_own_and_go_with_them(service: Service, maria: TestClient) -> None:
    csrf = token_in(maria.get("/risk-list").text)
    maria.post("/risk-list/views", data={"csrf": csrf, "name": "Mine", "query": QUERY})
    key = enter(service, secret=create_key(service.context, "maria", ["read"]))
    assert ">Mine</a>" not in key.get("/risk-list").text
    service.client.cookies.clear()
    nobody = signed_in(service, ("read",))
    text = nobody.get("/risk-list").text
    assert "Save this view" not in text, "a link is nobody's name"
    form = {"csrf": token_in(nobody.get("/account").text), "name": "Mine"}
    assert nobody.post("/risk-list/views", data=form, headers=HTML).status_code == 422
    remove_user(service.context, "maria")
    assert views_of(service, "maria") == []


def test_columns_are_chosen_by_the_address(maria: TestClient) -> None:
    def headings(path: str) -> list[str]:
        table = maria.get(path).text.partition('<table class="people">')[2]
        cells = re.findall(r"<th scope=\"col\".*?</th>", table)
        return [re.sub(r"<svg.*?</svg>|<.*?>", "", cell) for cell in cells]

    every = headings("/risk-list")
    assert every[:5] == ["Customer", "Risk", "Change, points", "Why", "What to do"]
    assert headings("/risk-list?col=profit&col=why&col=nonsense") == ["Customer", "Risk", "Why", "Expected profit"]
    assert headings("/risk-list?col=nonsense") == every
    rows = maria.get("/risk-list?col=profit").text.partition("<tbody>")[2].partition("</tr>")[0]
    assert rows.count("<td") == 2


def test_a_view_in_a_browser(visitor: Any) -> None:
    create_user(visitor.served.context, "maria.views", PASSWORD, ["read"])
    visitor.page.context.clear_cookies()
    visitor.visit("/sign-in")
    visitor.page.locator("input[name=name]").fill("maria.views")
    visitor.page.locator("input[name=secret]").fill(PASSWORD)
    visitor.page.locator("main button").first.click()
    visitor.visit("/risk-list").see("Save this view")
    visitor.page.get_by_text("Columns", exact=True).click()
    visitor.page.locator("input[name=col][value=todo]").uncheck()
    visitor.page.wait_for_url("**col=*")
    visitor.page.get_by_role("button", name="Save this view").click()
    visitor.page.locator("#ask-view input[name=name]").fill("Without advice")
    visitor.page.locator("#ask-view").get_by_role("button", name="Save").click()
    visitor.page.get_by_role("link", name="Without advice").wait_for()
    assert "col=change" in visitor.page.url
    assert visitor.page.get_by_role("columnheader", name="What to do").count() == 0
    visitor.assert_accessible()
    visitor.screenshot("risk-list-views")
