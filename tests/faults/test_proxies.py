"""The examples of docs/running.md tried with nginx and Caddy: a prefix, TLS, and another host than the service's own."""

from __future__ import annotations

import re
import shutil
import ssl
from pathlib import Path

import httpx
import pytest

from tests.faults.proxies import CADDY, HOST, NGINX, Proxy, caddy, nginx
from tests.faults.serving import service, until
from tests.faults.shops import Shop

needs_nginx = pytest.mark.skipif(NGINX is None or shutil.which("openssl") is None, reason="needs nginx and openssl")
needs_caddy = pytest.mark.skipif(CADDY is None, reason="needs Caddy: apt-get install caddy")


@pytest.mark.parametrize("kind", [pytest.param("nginx", marks=needs_nginx), pytest.param("caddy", marks=needs_caddy)])
def test_a_proxy_with_a_prefix_tls_and_another_host(kind: str, shop: Shop, tmp_path: Path) -> None:
    key = shop.json("keys", "create", "test")["key"]
    with (
        service(shop.home, CHURN_API__ROOT_PATH="/churn") as (address, _process),
        (nginx if kind == "nginx" else caddy)(tmp_path, address) as proxy,
        _browser(proxy) as browser,
    ):
        until(lambda: _answers(browser), 30)
        page = browser.get("/churn/risk-list")
        assert (page.status_code, page.headers["location"]) == (303, "/churn/sign-in?next=/risk-list")
        answer = _signed_in(browser, key, f"https://{proxy.host}")
        assert (answer.status_code, answer.headers["location"]) == (303, "/churn/risk-list")
        assert re.search(r"churn_session=.*Path=/churn/.*Secure", answer.headers["set-cookie"])
        page = browser.get("/churn/risk-list", headers={"Cookie": answer.headers["set-cookie"].partition(";")[0]})
        assert page.status_code == 200
        led = re.findall(r'(?:href|src|action)="(/[^"#]*)', page.text)
        assert all(place.startswith("/churn/") for place in led)
        assert browser.get(next(place for place in led if "/static/" in place)).status_code == 200
        assert browser.get("/churn/metrics").status_code == 200  # the test itself is on this machine
        assert browser.head("/churn/healthz").status_code == 200
        elsewhere = {"Authorization": f"Bearer {key}"}
        assert browser.get("/churn/v1/risk-list", headers=elsewhere).status_code == 200


@needs_nginx
def test_a_proxy_that_writes_another_host_is_named_by_the_refusal(shop: Shop, tmp_path: Path) -> None:
    key = shop.json("keys", "create", "test")["key"]
    with (
        service(shop.home, CHURN_API__ROOT_PATH="/churn") as (address, _process),
        nginx(tmp_path, address, passes_host=False) as proxy,
        httpx.Client(verify=False, timeout=60, base_url=proxy.address) as browser,
    ):
        refused = _signed_in(browser, key, proxy.address)
        assert refused.status_code == 403
        assert "header Host" in refused.text


def _browser(proxy: Proxy) -> httpx.Client:
    """Return a client that knows the proxy by its name, and trusts its authority alone."""

    def name(request: httpx.Request) -> None:
        request.extensions["sni_hostname"] = HOST

    trusted = ssl.create_default_context(cafile=str(proxy.authority))
    client = httpx.Client(verify=trusted, timeout=60, base_url=proxy.address, event_hooks={"request": [name]})
    client.headers["Host"] = proxy.host
    return client


def _answers(browser: httpx.Client) -> bool:
    try:
        return browser.get("/churn/healthz").status_code == 200
    except httpx.TransportError:
        return False


def _signed_in(browser: httpx.Client, key: str, origin: str) -> httpx.Response:
    page = browser.get("/churn/sign-in?next=/risk-list")
    token = re.search(r'name="csrf" value="([^"]+)"', page.text)
    assert token is not None
    cookie = page.headers["set-cookie"].partition(";")[0]
    form = {"secret": key, "csrf": token[1], "next": "/risk-list"}
    return browser.post("/churn/sign-in", data=form, headers={"Origin": origin, "Cookie": cookie})
