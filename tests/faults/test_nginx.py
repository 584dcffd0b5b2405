"""The configuration of docs/running.md, tried with nginx itself: a prefix, TLS, and another host than the service's own."""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests import ROOT
from tests.faults.serving import service, until
from tests.faults.shops import Shop

HOST = "churn.company.example"
NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def _nginx(folder: Path, service_address: str, *, passes_host: bool = True) -> Iterator[str]:
    """Run nginx as the documentation configures it, on a free port; give the address that browsers see."""
    port = _free_port()
    documented = re.search(r"```nginx\n(.+?)```", (ROOT / "docs" / "running.md").read_text(encoding="utf-8"), re.DOTALL)
    assert documented is not None
    server = documented[1]
    for written, here in (
        ("listen 443 ssl", f"listen 127.0.0.1:{port} ssl"),
        ("/etc/ssl/certs/churn.pem", str(folder / "cert.pem")),
        ("/etc/ssl/private/churn.key", str(folder / "key.pem")),
        ("http://127.0.0.1:8000", service_address),
    ):
        assert written in server
        server = server.replace(written, here)
    if not passes_host:
        server = server.replace("proxy_set_header Host $http_host;", "")
    subject = ("-subj", f"/CN={HOST}", "-days", "1", "-nodes", "-newkey", "rsa:2048")
    files = ("-keyout", str(folder / "key.pem"), "-out", str(folder / "cert.pem"))
    subprocess.run(["openssl", "req", "-x509", *subject, *files], check=True, capture_output=True)
    config = folder / "nginx.conf"
    places = "".join(
        f"{name}_temp_path {folder / name};" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    config.write_text(
        f"pid {folder / 'pid'}; error_log {folder / 'error.log'}; daemon off; user root; events {{}}\n"
        f"http {{ access_log off; {places}\n{server} }}"
    )
    assert NGINX is not None
    process = subprocess.Popen([NGINX, "-c", str(config), "-p", str(folder)], stderr=subprocess.DEVNULL)
    try:
        until(lambda: _listens(port), 20)
        yield f"https://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(20)


@pytest.mark.skipif(NGINX is None or shutil.which("openssl") is None, reason="needs nginx and openssl")
def test_nginx_with_a_prefix_tls_and_another_host(shop: Shop, tmp_path: Path) -> None:
    key = shop.json("keys", "create", "test")["key"]
    with service(shop.home, CHURN_API__ROOT_PATH="/churn") as (address, _process):
        with _nginx(tmp_path, address) as outside, httpx.Client(verify=False, base_url=outside, timeout=60) as browser:
            host = f"{HOST}:{outside.rpartition(':')[2]}"
            browser.headers["Host"] = host
            page = browser.get("/churn/risk-list")
            assert (page.status_code, page.headers["location"]) == (303, "/churn/sign-in?next=/risk-list")
            answer = _signed_in(browser, key, f"https://{host}")
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
        with _nginx(tmp_path, address, passes_host=False) as outside, httpx.Client(verify=False, timeout=60) as browser:
            browser.base_url = httpx.URL(outside)
            refused = _signed_in(browser, key, outside)
            assert refused.status_code == 403
            assert "header Host" in refused.text


def _signed_in(browser: httpx.Client, key: str, origin: str) -> httpx.Response:
    page = browser.get("/churn/sign-in?next=/risk-list")
    token = re.search(r'name="csrf" value="([^"]+)"', page.text)
    assert token is not None
    cookie = page.headers["set-cookie"].partition(";")[0]
    form = {"secret": key, "csrf": token[1], "next": "/risk-list"}
    return browser.post("/churn/sign-in", data=form, headers={"Origin": origin, "Cookie": cookie})
