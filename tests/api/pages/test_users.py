"""People and keys on their page: added, changed, removed, signed out; and what each person is offered."""

from __future__ import annotations

import re
from typing import Any

import pytest
from fastapi.testclient import TestClient

from churn.accounts.keys import create_key, list_keys
from churn.accounts.sign_in import list_sessions, sign_in_by_password
from churn.accounts.users import change_scopes, create_user, list_users
from churn.errors import ConfigError
from tests.api.conftest import Service
from tests.api.pages.test_page_actions import PASSWORD, token_in
from tests.api.pages.test_pages import signed_in

HTML = {"Accept": "text/html"}


@pytest.fixture
def admin(service: Service) -> TestClient:
    return signed_in(service, ("admin",))


def scopes_of(service: Service, name: str) -> tuple[str, ...]:
    return next(user.scopes for user in list_users(service.context) if user.name == name)


def test_a_person_is_added_with_a_password_and_signs_in_with_it(service: Service, admin: TestClient) -> None:
    form = {"csrf": token_in(admin.get("/users").text), "name": "jan", "password": PASSWORD, "scope": ["read", "push"]}
    assert "jan can sign in" in admin.post("/users", data=form).text
    assert scopes_of(service, "jan") == ("read", "push")
    assert sign_in_by_password(service.context, "jan", PASSWORD, address="") is not None
    again = admin.post("/users", data=form)
    assert (again.status_code, "a user of this name exists already" in again.text.lower()) == (422, True)
    poor = admin.post("/users", data=form | {"name": "piet", "password": "x" * 20})
    assert poor.status_code == 422
    assert 'value="piet"' in poor.text, "the form keeps what was filled in"
    assert "The password is easy to guess" in poor.text
    assert PASSWORD not in poor.text + again.text


def test_rights_change_at_once_and_a_person_who_is_removed_is_signed_out(service: Service, admin: TestClient) -> None:
    create_user(service.context, "jan", PASSWORD, ["read"])
    sign_in_by_password(service.context, "jan", PASSWORD, address="")
    csrf = token_in(admin.get("/users").text)
    admin.post("/users/scopes", data={"csrf": csrf, "name": "jan", "scope": ["read", "simulate"]})
    assert next(s.scopes for s in list_sessions(service.context) if s.name == "jan") == ("read",)  # as it began
    assert scopes_of(service, "jan") == ("read", "simulate")
    assert admin.post("/users/scopes", data={"csrf": csrf, "name": "jan"}, headers=HTML).status_code == 422
    admin.post("/users/remove", data={"csrf": csrf, "name": "jan"})
    assert [user.name for user in list_users(service.context)] == []
    assert [session.kind for session in list_sessions(service.context)] == ["link"]
    with service.context.open_store() as store:
        deeds = [(e.who, e.action, e.subject) for e in store.requests.audited(limit=3)]
    assert deeds[:2] == [
        ("One-time link", "remove_user", "jan"),
        ("One-time link", "change_scopes", "jan: read, simulate"),
    ]


def test_nobody_takes_the_right_to_administer_from_themselves_or_removes_themselves(service: Service) -> None:
    create_user(service.context, "maria", PASSWORD, ["admin"])
    client = service.client
    csrf = token_in(client.get("/sign-in", headers=HTML).text)
    client.post("/sign-in", data={"name": "maria", "secret": PASSWORD, "csrf": csrf})
    page = client.get("/users").text
    assert 'aria-label="Remove maria"' not in page
    form = {"csrf": token_in(page), "name": "maria", "scope": ["read"]}
    assert client.post("/users/scopes", data=form).status_code == 409
    assert client.post("/users/remove", data=form).status_code == 409
    assert scopes_of(service, "maria") == ("admin",)


def test_the_identity_provider_decides_the_rights_of_those_it_sends(service: Service) -> None:
    with service.context.open_store() as store:
        store.users.add_identity("ann", "https://id.example", "1", ["read"], service.context.clock())
    with pytest.raises(ConfigError, match="identity provider"):
        change_scopes(service.context, "ann", ["admin"])
    page = signed_in(service, ("admin",)).get("/users").text
    assert "Change the rights of ann" not in page
    assert "Remove ann" in page


def test_keys_and_links_are_shown_once_and_work(service: Service, admin: TestClient) -> None:
    csrf = token_in(admin.get("/users").text)
    made = admin.post("/users/keys", data={"csrf": csrf, "name": "crm", "scope": ["read"]}).text
    shown = re.search(r"churn_[0-9a-f]{12}_[\w-]+", made)
    assert shown is not None
    key = {"Authorization": f"Bearer {shown.group()}"}
    assert service.client.get("/v1/risk-list", headers=key).status_code == 200
    assert shown.group() not in admin.get("/users").text
    admin.post("/users/keys/revoke", data={"csrf": csrf, "name": "crm"})
    assert list_keys(service.context)[-1].revoked_at is not None
    assert admin.post("/users/link", data={"csrf": csrf}).status_code == 422, "a link that may do nothing"
    linked = re.search(r"(/sign-in/link\?token=[\w-]+)", admin.post("/users/link", data={"csrf": csrf, "scope": ["read"]}).text)  # fmt: skip
    assert linked is not None
    service.client.cookies.clear()
    assert service.client.get(linked.group(1), follow_redirects=False).headers["location"] == "/"
    assert service.client.get("/risk-list").status_code == 200
    assert service.client.get("/users").status_code == 403


def test_a_session_is_ended_by_whoever_began_it_or_an_administrator(service: Service, admin: TestClient) -> None:
    create_user(service.context, "jan", PASSWORD, ["read"])
    sign_in_by_password(service.context, "jan", PASSWORD, address="")
    number = next(s.session_hash[:12] for s in list_sessions(service.context) if s.name == "jan")
    csrf = token_in(admin.get("/users").text)
    assert admin.post("/account/end", data={"csrf": csrf, "number": number}).status_code == 404, "it is not theirs"
    admin.post("/users/end", data={"csrf": csrf, "number": number})
    assert "jan" not in {s.name for s in list_sessions(service.context)}


@pytest.mark.parametrize("scope", ["read", "simulate", "push"])
def test_nobody_is_refused_after_signing_in_and_only_what_they_may_do_is_offered(service: Service, scope: str) -> None:
    client = service.client
    key = create_key(service.context, f"of {scope}", [scope])
    form = {"secret": key, "csrf": token_in(client.get("/sign-in", headers=HTML).text), "next": "/simulator"}
    landed = client.post("/sign-in", data=form)
    assert landed.status_code == 200
    assert landed.url.path == ("/simulator" if scope == "read" else "/account")
    assert client.get("/").status_code == 200
    navigation = landed.text.partition("<nav")[2].partition("</nav>")[0]
    places = re.findall(r'<li><a href="([^"]+)"', navigation)
    assert ("/risk-list" in places) == (scope == "read")
    assert "/users" not in places
    assert [client.get(place).status_code for place in places] == [200] * len(places)


def test_people_in_a_browser(visitor: Any) -> None:
    context = visitor.served.context
    create_user(context, "maria.sanders", PASSWORD, ["read", "simulate", "push"])
    create_key(context, "nightly export", ["read"])
    sign_in_by_password(context, "maria.sanders", PASSWORD, address="")
    visitor.visit("/users").see("maria.sanders", "nightly export", "this browser")
    visitor.page.get_by_text("Add a person").click()
    visitor.page.get_by_role("button", name="Change the rights of maria.sanders").click()
    visitor.see("What may maria.sanders do?")
    visitor.page.keyboard.press("Escape")
    visitor.assert_accessible()
    visitor.screenshot("users")
    visitor.page.get_by_text("Make a key").click()
    visitor.page.locator("#keys form.add input[name=name]").fill("crm")
    visitor.page.get_by_role("button", name="Make the key").click()
    visitor.see("cannot be shown again")
    visitor.assert_accessible()
    visitor.visit("/account").see("What you may do", "This browser")
    visitor.assert_accessible()
