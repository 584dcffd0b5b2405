"""Figures are chosen to be mailed each month on their page, listed there and stopped; nobody is offered what they may not do."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from httpx import Response

from churn.accounts.users import create_user, remove_user
from churn.api import create_app
from churn.context import Context
from churn.jobs.notify.figure_mail import choices_of
from tests.api.pages.test_page_actions import PASSWORD, token_in
from tests.jobs.notify.figures import published

pytestmark = pytest.mark.slow  # the whole service is made


@pytest.fixture
def context(tmp_path: Path) -> Context:
    return published(tmp_path)


@pytest.fixture
def client(context: Context) -> Iterator[TestClient]:
    with TestClient(create_app(context), raise_server_exceptions=False) as client:
        yield client


def sign_in(client: TestClient, context: Context, name: str, *scopes: str) -> TestClient:
    client.cookies.clear()
    create_user(context, name, PASSWORD, scopes)
    csrf = token_in(client.get("/sign-in", headers={"Accept": "text/html"}).text)
    sent = {"name": name, "secret": PASSWORD, "csrf": csrf}
    assert client.post("/sign-in", data=sent, follow_redirects=False).status_code == 303
    return client


def post(client: TestClient, path: str, **sent: str | list[str]) -> Response:
    csrf = token_in(client.get("/figures").text)
    return client.post(path, data={"csrf": csrf, **sent}, headers={"Origin": "http://testserver"})


def test_a_choice_is_kept_listed_and_stopped(context: Context, client: TestClient) -> None:
    rita = sign_in(client, context, "rita", "read")
    assert "At company.example." in rita.get("/figures").text
    path = "/figures/mails?by=plan&value=basic&from=2026-04&to=2026-06"
    shown = post(rita, path, to="ann@company.example, bob@company.example", tables=["by-segment", "customers"])
    assert shown.status_code == 200
    assert "ann@company.example, bob@company.example" in shown.text
    (choice,) = choices_of(context, "rita", is_admin=False)
    assert (choice.tables, choice.segment, choice.value, choice.months) == (
        ("by-segment", "customers"),
        "plan",
        "basic",
        3,
    )
    max_ = sign_in(client, context, "max", "read")
    assert "ann@company.example" not in max_.get("/figures").text
    assert post(max_, f"/figures/mails/{choice.mail_id}/stop").status_code == 404
    boss = sign_in(client, context, "boss", "admin")
    assert "chosen by rita" in boss.get("/figures").text
    assert "ann@company.example" not in post(boss, f"/figures/mails/{choice.mail_id}/stop").text
    assert choices_of(context, "rita", is_admin=False) == []


def test_what_is_wrong_is_said_beside_its_field_and_what_was_filled_in_stays(
    context: Context, client: TestClient
) -> None:
    rita = sign_in(client, context, "rita", "read")
    refused = post(rita, "/figures/mails", to="ann@elsewhere.example", tables=["revenue"])
    assert refused.status_code == 422
    assert "is not at company.example. Ask an administrator" in refused.text
    assert 'value="ann@elsewhere.example"' in refused.text
    assert 'value="revenue" checked' in refused.text
    assert "Tick at least one." in post(rita, "/figures/mails", to="ann@company.example").text
    assert choices_of(context, "rita", is_admin=False) == []
    boss = sign_in(client, context, "boss", "admin")
    assert post(boss, "/figures/mails", to="ann@elsewhere.example", tables=["revenue"]).status_code == 200


def test_without_a_mail_server_nothing_is_offered(context: Context) -> None:
    alerts = context.settings.alerts.model_copy(update={"smtp_host": None})
    silent = replace(context, settings=context.settings.model_copy(update={"alerts": alerts}))
    with TestClient(create_app(silent), raise_server_exceptions=False) as client:
        rita = sign_in(client, silent, "rita", "read")
        text = rita.get("/figures").text
        assert "No mail server is set up" in text
        assert "Have these figures mailed" not in text


def test_choices_go_with_their_user(context: Context, client: TestClient) -> None:
    rita = sign_in(client, context, "rita", "read")
    post(rita, "/figures/mails", to="ann@company.example", tables=["revenue"])
    remove_user(context, "rita")
    assert choices_of(context, "rita", is_admin=False) == []
