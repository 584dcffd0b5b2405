from __future__ import annotations

import asyncio
import sqlite3
import time
from contextlib import closing

import pytest
from fastapi import APIRouter
from fastapi.testclient import TestClient

from churn.accounts.keys import REMEMBERED_SECONDS, create_key, revoke_key
from churn.api import create_app
from churn.api.callers import Callers
from churn.api.security import KeyRoute
from tests.api.conftest import Service, context_of
from tests.company import Company

OPEN = {"/healthz", "/readyz", "/metrics"}


def _calls(service: Service) -> list[tuple[str, str]]:
    paths = service.app.openapi()["paths"]
    return [(method, path) for path, methods in paths.items() for method in methods if path not in OPEN]


def test_every_route_but_health_needs_a_key(standing: Service) -> None:
    for method, path in _calls(standing):
        answer = standing.client.request(method, path.replace("{", "").replace("}", ""))
        assert (method, path, answer.status_code) == (method, path, 401)
        assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize(
    "token",
    ["", "churn", "churn_", "churn__", "churn_00_x", "x" * 5_000, "churn_' or 1=1 --_x", "churn_\u00e9_x", "a b"],
)
def test_a_made_up_key_is_refused(standing: Service, token: str) -> None:
    headers = [(b"authorization", f"Bearer {token}".encode())]
    assert standing.client.get("/v1/models", headers=headers).status_code == 401  # type: ignore[arg-type]  # raw pairs


def test_a_key_without_the_scope_is_refused_with_its_name_and_the_scope(standing: Service) -> None:
    for method, path, scope in (
        ("POST", "/v1/models/rollback", "admin"),
        ("POST", "/v1/models/v/promote", "admin"),
        ("POST", "/v1/simulations", "simulate"),
    ):
        answer = standing.client.request(method, path, json={"why": "because"}, headers=standing.key("read"))
        assert answer.status_code == 403
        assert f"`{scope}`" in answer.json()["detail"]


def test_a_revoked_key_is_refused_within_a_second(service: Service) -> None:
    headers = {"Authorization": f"Bearer {create_key(service.context, 'crm', ['read'])}"}
    assert service.client.get("/v1/models", headers=headers).status_code == 200
    revoke_key(service.context, "crm")
    time.sleep(REMEMBERED_SECONDS)
    assert service.client.get("/v1/models", headers=headers).status_code == 401


def test_neither_store_nor_log_holds_a_secret(service: Service) -> None:
    token = service.key("read")["Authorization"].removeprefix("Bearer ")
    service.client.get("/v1/models", headers={"Authorization": f"Bearer {token}"})
    secret = token.split("_", 2)[2]
    home = service.context.settings.home
    with closing(sqlite3.connect(home / "store.sqlite")) as store:
        assert secret not in "\n".join(store.iterdump())
    assert secret not in (home / "churn.log").read_text(encoding="utf-8")


def test_who_asks_too_often_is_told_when_to_come_back(company: Company) -> None:
    context = context_of(company.home, requests_per_minute=20)
    token = create_key(context, "eager", ["read"])
    with TestClient(create_app(context)) as client:
        answers = [client.get("/v1/models", headers={"Authorization": f"Bearer {token}"}) for _ in range(4)]
    assert [a.status_code for a in answers[:3]] == [200, 200, 429]
    assert answers[-1].json()["code"] == "too_many_requests"
    assert 1 <= int(answers[-1].headers["retry-after"]) <= 3


def test_a_body_that_is_too_large_or_does_not_say_its_length_is_refused(company: Company) -> None:
    context = context_of(company.home, max_body_kb=1)
    with TestClient(create_app(context)) as client:
        large = client.post("/v1/scores", content=b"x" * 2_000)
        endless = client.post("/v1/scores", content=iter([b"x"]))
    assert (large.status_code, endless.status_code) == (413, 411)


def test_an_error_nobody_foresaw_tells_nothing_of_the_inside(
    standing: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError("secret inside")

    monkeypatch.setattr("churn.api.routes.models.list_models", fail)
    answer = standing.client.get("/v1/models", headers=standing.key("read"))
    assert answer.status_code == 500
    assert answer.json()["code"] == "internal_error"
    assert "secret inside" not in answer.text


def test_an_unknown_path_has_the_one_error_shape(standing: Service) -> None:
    answer = standing.client.get("/v1/nothing", headers={"X-Request-Id": "mine-1"})
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json() == {
        "type": "urn:churn:problem:not_found",
        "title": "Not found",
        "status": 404,
        "code": "not_found",
        "detail": "Not Found",
        "instance": "/v1/nothing",
        "request_id": "mine-1",
    }


def test_whoever_has_no_key_is_refused_before_the_body_is_read(standing: Service) -> None:
    kind = {"Content-Type": "application/json"}
    for path in ("/v1/scores", "/v1/simulations", "/v1/outcomes"):
        assert standing.client.post(path, content=b'{"rows": [', headers=kind).status_code == 401
        assert (
            standing.client.post(path, content=b'{"rows": [', headers=kind | standing.key("admin")).status_code == 422
        )


def test_a_route_of_the_api_that_names_no_scope_is_an_error_at_start_up() -> None:
    router = APIRouter(route_class=KeyRoute)
    with pytest.raises(TypeError, match="left_open"):

        @router.get("/left-open")
        def left_open() -> None: ...


def test_requests_of_one_caller_share_one_look_at_the_store() -> None:
    class Slow:
        looks = 0

        def held(self, _token: str) -> None:
            """Remember nobody."""

        def look_up(self, token: str) -> str:
            self.looks += 1
            time.sleep(0.2)
            return f"key of {token}"

    async def ask(keyring: Slow) -> list[object]:
        callers = Callers(keyring)  # type: ignore[arg-type]  # all that it asks of a keyring
        return await asyncio.gather(*(callers.key(token) for token in ("a", "b", "a", "a")))

    keyring = Slow()
    assert asyncio.run(ask(keyring)) == ["key of a", "key of b", "key of a", "key of a"]
    assert keyring.looks == 2
    assert asyncio.run(ask(keyring))[0] == "key of a", "a look that has ended is looked again"
    assert keyring.looks == 4
