from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from churn.accounts.keys import create_key
from churn.accounts.sign_in import create_link
from churn.api import create_app
from churn.config import load_settings
from churn.context import Context
from churn.errors import ConfigError
from tests.api.conftest import context_of

PROXY, STRANGER = ("10.0.0.5", 40_000), ("203.0.113.9", 40_000)
BEFORE = {"X-Forwarded-For": "198.51.100.7", "X-Forwarded-Proto": "https", "X-Forwarded-Host": "churn.company.example"}


@contextmanager
def _asking(context: Context, peer: tuple[str, int] = PROXY) -> Iterator[TestClient]:
    with TestClient(create_app(context), client=peer, follow_redirects=False) as client:
        yield client


def _context(home: Path, **api: object) -> Context:
    return context_of(home, **{"trusted_proxies": ["10.0.0.0/8"], **api})


def _sign_in(client: TestClient, key: str, root: str = "", **headers: str) -> object:
    page = client.get(f"{root}/sign-in", headers=headers).text
    token = re.search(r'name="csrf" value="([^"]+)"', page)
    assert token is not None
    return client.post(f"{root}/sign-in", data={"secret": key, "csrf": token[1]}, headers=headers)


def test_cookies_are_secure_and_forms_ours_where_a_trusted_proxy_says_https_and_its_host(tmp_path: Path) -> None:
    context = _context(tmp_path)
    key = create_key(context, "test", ["read"])
    headers = {**BEFORE, "Origin": "https://churn.company.example"}
    with _asking(context) as client:
        client.base_url = "https://internal:8000"  # the client keeps secure cookies for it
        answer = _sign_in(client, key, **headers)
        assert answer.status_code == 303
        assert "secure" in answer.headers["set-cookie"].lower()


def test_a_stranger_who_says_the_same_is_not_believed(tmp_path: Path) -> None:
    context = _context(tmp_path)
    with _asking(context, STRANGER) as client:
        answer = _sign_in(client, "x", **BEFORE, Origin="https://churn.company.example")
        assert answer.status_code == 403
        told = answer.json()
        assert "asked for as testserver (header Host)" in told["detail"]
        assert "X-Forwarded-Host" in told["remedy"]
        assert "[api] trusted_proxies must name the proxy (this request came from 203.0.113.9)" in told["remedy"]
        assert "secure" not in client.get("/sign-in", headers=BEFORE).headers["set-cookie"].lower()


@pytest.mark.parametrize(
    ("forwarded", "may_read"),
    [
        ("127.0.0.1", True),  # a caller on the machine of the proxy
        ("198.51.100.7", False),
        ("127.0.0.1, 198.51.100.7", False),  # what stands further left anybody can have written
        ("198.51.100.7, 10.0.0.9", False),  # a second proxy of ours
        ("198.51.100.7:5123", False),
        ("[2001:db8::1]:5123", False),
        ("nonsense", False),
    ],
)
def test_the_address_is_that_of_who_spoke_to_our_outermost_proxy(
    tmp_path: Path, forwarded: str, may_read: bool
) -> None:
    with _asking(_context(tmp_path)) as client:
        answer = client.get("/metrics", headers={"X-Forwarded-For": forwarded})
        assert answer.status_code == (200 if may_read else 401)


@pytest.mark.slow  # services with pages
@pytest.mark.parametrize("path", ["/metrics", "/openapi.json", "/docs"])
def test_what_tells_of_the_service_is_closed_outside_of_its_machine_unless_opened(tmp_path: Path, path: str) -> None:
    context = _context(tmp_path)
    bearer = {"Authorization": f"Bearer {create_key(context, 'prometheus', ['read'])}"}
    with _asking(context, STRANGER) as client:
        assert client.get(path).status_code == (303 if path == "/docs" else 401)
        if path == "/docs":
            client.get(f"/sign-in/link?token={create_link(context, ['read'])}")
            bearer = {}
        assert client.get(path, headers=bearer).status_code == 200
    with _asking(context, ("127.0.0.1", 40_000)) as client:
        assert client.get(path).status_code == 200
    with _asking(_context(tmp_path, has_open_metrics=True, has_open_docs=True), STRANGER) as client:
        assert client.get(path).status_code == 200
    with _asking(_context(tmp_path, has_open_metrics=False, has_open_docs=False), ("127.0.0.1", 40_000)) as client:
        assert client.get(path).status_code == (303 if path == "/docs" else 401)


@pytest.mark.slow  # services with pages
@pytest.mark.parametrize("asked_with", ["/churn", ""])  # a proxy that passes the prefix on, and one that strips it
def test_pages_below_a_prefix_lead_nowhere_else(tmp_path: Path, asked_with: str) -> None:
    context = _context(tmp_path, root_path="/churn")
    with _asking(context) as client:
        link = client.get(f"{asked_with}/sign-in/link?token={create_link(context)}")
        assert (link.status_code, link.headers["location"]) == (303, "/churn/")
        cookies = link.headers["set-cookie"]
        assert set(re.findall(r"[Pp]ath=([^;,]+)", cookies)) == {"/churn/", "/churn/sign-in"}
        session = {"Cookie": f"churn_session={client.cookies.get('churn_session', path='/churn/')}"}
        for path in ("/", "/risk-list", "/simulator", "/campaigns", "/jobs", "/docs", "/nowhere"):
            page = client.get(f"{asked_with}{path}", headers={**session, "Accept": "text/html"})
            assert page.status_code in {200, 404}
            led = re.findall(r'(?:href|src|action|hx-get|hx-post)="([^"#]+)', page.text)
            assert led
            assert [address for address in led if not address.startswith(("/churn/", "?"))] == []
            assert int(page.headers["content-length"]) == len(page.content) or "content-encoding" in page.headers
            for address in {a for a in led if "/static/" in a}:
                assert client.get(address).status_code == 200
        assert client.get(f"{asked_with}/openapi.json", headers=session).json()["servers"] == [{"url": "/churn"}]
        away = client.get(f"{asked_with}/jobs", headers={"Cookie": "churn_session=gone"})
        assert away.headers["location"] == "/churn/sign-in?next=/jobs"
        partly = {
            "HX-Request": "true",
            "HX-Current-URL": "https://churn.company.example/churn/jobs",
            "Cookie": "churn_session=",
        }
        assert client.get(f"{asked_with}/jobs", headers=partly).headers["hx-redirect"] == "/churn/sign-in?next=/jobs"


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_load_balancers_may_ask_for_the_head_alone(tmp_path: Path, path: str) -> None:
    with _asking(_context(tmp_path)) as client:
        answer = client.head(path)
        assert (answer.status_code, answer.content) == (200, b"")


def test_proxies_come_as_one_variable_and_nonsense_is_refused(tmp_path: Path) -> None:
    variables = {"CHURN_API__TRUSTED_PROXIES": "10.0.0.0/8, ::1", "CHURN_API__ROOT_PATH": "/churn"}
    api = load_settings(home=tmp_path, environ=variables).api
    assert (api.trusted_proxies, api.root_path) == (["10.0.0.0/8", "::1"], "/churn")
    for name, value in (("TRUSTED_PROXIES", "proxy.company.example"), ("ROOT_PATH", "churn/"), ("ROOT_PATH", "/a b")):
        with pytest.raises(ConfigError, match=name.lower()):
            load_settings(home=tmp_path, environ={f"CHURN_API__{name}": value})
