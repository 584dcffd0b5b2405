"""What nobody may do, tried on every route the service has: found from the service itself, so that none is forgotten."""

from __future__ import annotations

import re
import time
from typing import Any

import polars as pl
import pytest
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient

from churn.accounts.keys import REMEMBERED_SECONDS, create_key, revoke_key
from churn.accounts.sign_in import create_link
from churn.api import pages
from churn.store.service_records import SCOPES
from tests.api.conftest import Service

OPEN = {"/healthz", "/readyz", "/metrics"}
OPEN_PAGES = ("/docs", "/openapi.json", "/favicon.ico", "/sign-in", "/sign-out", "/static/", "/charts/")
EVIL = "x' or 1=1; drop table scores; --"
SCRIPT = "<script>alert(1)</script>"
STATES = {200, 304, 400, 404, 409, 415, 422}


def calls(service: Service) -> list[tuple[str, str, dict[str, Any]]]:
    """Return every documented operation but the open ones: method, path, and what it says of itself."""
    paths = service.app.openapi()["paths"]
    return [(m.upper(), path, told) for path, ms in paths.items() for m, told in ms.items() if path not in OPEN]


def page_routes() -> list[tuple[str, str]]:
    """Return method and path of every page that needs somebody signed in."""
    routes = [route for router in pages.ROUTERS for route in router.routes if isinstance(route, APIRoute)]
    found = [(method, route.path) for route in routes for method in route.methods if method != "HEAD"]
    return [(method, path) for method, path in found if not path.startswith(OPEN_PAGES)]


def filled(path: str, value: str = "a") -> str:
    return re.sub(r"\{[^}]+\}", value, path)


@pytest.fixture
def signed_in(service: Service) -> TestClient:
    answer = service.client.get("/sign-in/link", params={"token": create_link(service.context)}, follow_redirects=False)
    assert answer.status_code == 303
    return service.client


def test_every_route_refuses_who_has_no_key_a_wrong_one_or_a_revoked_one(service: Service) -> None:
    revoked = {"Authorization": f"Bearer {create_key(service.context, 'gone', SCOPES)}"}
    assert service.client.get("/v1/models", headers=revoked).status_code == 200
    revoke_key(service.context, "gone")
    time.sleep(REMEMBERED_SECONDS)
    for method, path, _ in calls(service):
        for headers in ({}, revoked, {"Authorization": "Bearer churn_0_x"}, {"Authorization": "Basic eDp5"}):
            answer = service.client.request(method, filled(path), headers=headers)
            assert (method, path, answer.status_code) == (method, path, 401)


def test_every_route_admits_one_scope_besides_admin_and_no_other(service: Service) -> None:
    keys = {scope: service.key(scope) for scope in SCOPES}
    for method, path, _ in calls(service):
        admitted = [
            scope
            for scope in SCOPES
            if scope != "admin" and service.client.request(method, filled(path), headers=keys[scope]).status_code != 403
        ]
        assert len(admitted) <= 1, (method, path, admitted)
        if method != "GET":
            assert "read" not in admitted or path == "/v1/scores", (method, path)


def test_no_parameter_reaches_the_database_as_sql(service: Service) -> None:
    admin = service.key("admin")
    with service.context.open_store() as store:
        before = store.scores.current_run()
    for method, path, told in calls(service):
        texts = [one["name"] for one in told.get("parameters", []) if one["in"] == "query"]
        for query in [{name: EVIL} for name in texts] or [{}]:
            answer = service.client.request(method, filled(path, "x' or '1'='1"), params=query, headers=admin)
            assert answer.status_code in STATES, (method, path, query, answer.text)
    with service.context.open_store() as store:
        assert store.scores.current_run() == before
        assert store.published.current(limit=1).height == 1


def test_pages_send_strangers_to_sign_in_and_take_no_form_that_is_not_theirs(service: Service) -> None:
    client, others = service.client, 0
    for method, path in page_routes():
        answer = client.request(method, filled(path), follow_redirects=False)
        assert (path, answer.status_code) == (path, 303), (method, answer.text[:200])
        assert answer.headers["location"].startswith("/sign-in")
    client.get("/sign-in/link", params={"token": create_link(service.context)})
    for method, path in page_routes():
        if method == "GET":
            continue
        others += 1
        for headers in ({}, {"X-CSRF-Token": "guess"}, {"Origin": "https://evil.example"}):
            answer = client.request(method, filled(path), headers=headers, data={"csrf": "x"}, follow_redirects=False)
            assert (method, path, answer.status_code) == (method, path, 403)
    assert others >= 5


def test_pages_show_ids_and_names_as_text_and_run_nothing(service: Service, signed_in: TestClient) -> None:
    with service.context.open_store() as store:
        run, scores = store.scores.current_run(), store.published.current()
        assert run is not None
        evil = scores.with_columns(
            customer_id=pl.when(pl.int_range(pl.len()) == 0).then(pl.lit(SCRIPT)).otherwise("customer_id"),
            plan=pl.lit(SCRIPT),
        )
        from dataclasses import replace

        store.scores.publish(replace(run, run_id="evil"), evil)
        store.alerts.raise_("job_failed", SCRIPT, "critical", SCRIPT, service.context.clock())
    campaign = service.context.settings.home / "campaigns"
    campaign.mkdir(exist_ok=True)
    (campaign / "evil.toml").write_text(f'[campaign]\ntitle = "{SCRIPT}"\nowner = "{SCRIPT}"\n', encoding="utf-8")
    for method, path in page_routes():
        if method != "GET":
            continue
        for value in ("evil", "%3Cscript%3Ealert(1)%3C/script%3E"):
            answer = signed_in.get(filled(path, value), headers={"Accept": "text/html"})
            assert answer.status_code < 500, (path, answer.text[:500])
            assert SCRIPT not in answer.text or "html" not in answer.headers["content-type"], path
            if "html" in answer.headers.get("content-type", "") and "/files/" not in path:
                assert "script-src 'self'" in answer.headers["content-security-policy"]


@pytest.mark.parametrize(
    "name",
    ["../store.sqlite", "..%2f..%2fstore.sqlite", "%2e%2e/churn.toml", "/etc/passwd", "%2Fetc%2Fpasswd", "a/../../churn.toml",
     "..\\churn.toml", "x%00.html", "."],
)  # fmt: skip
def test_no_file_outside_the_reports_is_given_out(service: Service, signed_in: TestClient, name: str) -> None:
    for path in (f"/reports/files/{name}", f"/static/{name}"):
        answer = signed_in.get(path, follow_redirects=False)
        assert answer.status_code in {400, 404, 422, 307}, (path, answer.status_code)
        assert "root:" not in answer.text
        assert "SQLite" not in answer.text


@pytest.mark.parametrize("sent", ["a\r\nX-Evil: 1", "a b", "x" * 65, "é", ""])
def test_a_request_id_that_is_none_is_not_given_back(standing: Service, sent: str) -> None:
    raw = [(b"x-request-id", sent.encode("latin-1"))]
    answer = standing.client.get("/healthz", headers=raw)  # type: ignore[arg-type]  # raw pairs
    assert re.fullmatch(r"[0-9a-f]{16}", answer.headers["x-request-id"])
    assert "x-evil" not in answer.headers


def test_keys_are_compared_in_constant_time(standing: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    from churn.accounts import keys

    compared: list[tuple[str, str]] = []

    def noting(one: str, two: str) -> bool:
        compared.append((one, two))
        return one == two

    monkeypatch.setattr(keys.hmac, "compare_digest", noting)
    token = standing.key("read")["Authorization"].removeprefix("Bearer ")
    wrong = token[:-1] + ("a" if token[-1] != "a" else "b")
    for sent, status in ((token, 200), (wrong, 401), ("churn_000000000000_x", 401)):
        assert standing.client.get("/v1/models", headers={"Authorization": f"Bearer {sent}"}).status_code == status
    assert len(compared) == 3, "an unknown key is compared too, so that its absence takes as long"
    assert {len(text) for pair in compared for text in pair} == {64}, "hashes, never the secrets themselves"


def test_no_header_or_body_of_a_caller_reaches_the_log(service: Service) -> None:
    headers = service.key("read") | {"Cookie": "churn_session=TOPSECRET", "User-Agent": "TOPSECRET"}
    body = {"rows": [{"customer_id": "TOPSECRET", "features": {"TOPSECRET": "TOPSECRET"}}]}
    service.client.post("/v1/scores?x=TOPSECRET", json=body, headers=headers)
    service.client.get("/v1/risk-list?plan=TOPSECRET&cursor=TOPSECRET", headers=headers)
    assert "TOPSECRET" not in (service.context.settings.home / "churn.log").read_text(encoding="utf-8")


def test_the_audit_log_says_who_did_what_page_by_page(service: Service) -> None:
    admin = service.key("admin")
    once = admin | {"Idempotency-Key": "save"}
    for _ in range(2):
        made = service.client.post("/v1/simulations", json={"preset": "case-study", "name": "case"}, headers=once)
        assert made.status_code == 200
    first = service.client.get("/v1/audit?limit=1", headers=admin).json()
    assert first["next_cursor"] == first["entries"][0]["entry_id"]
    assert (first["entries"][0]["who"], first["entries"][0]["action"]) == ("key 0", "save_simulation")
    assert len(service.client.get("/v1/audit", headers=admin).json()["entries"]) == 2
    seen = service.client.get("/v1/audit", params={"action": "create_key"}, headers=admin).json()["entries"]
    assert [(one["who"], one["subject"]) for one in seen] == [("command line", "key 0")]
    assert seen[0]["done_at"].endswith("Z")
