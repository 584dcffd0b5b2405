"""nginx and Caddy as docs/running.md configures them, each on a free port in front of a service."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests import ROOT
from tests.faults.serving import until
from tests.ports import free_port

HOST = "churn.company.example"
NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
CADDY = shutil.which("caddy")


@dataclass(frozen=True)
class Proxy:
    """A proxy that listens on this machine: its port, and the certificate that vouches for it."""

    port: int
    authority: Path

    @property
    def address(self) -> str:
        """Where it listens."""
        return f"https://127.0.0.1:{self.port}"

    @property
    def host(self) -> str:
        """What browsers know it by."""
        return f"{HOST}:{self.port}"


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def nginx(folder: Path, service_address: str, *, passes_host: bool = True) -> Iterator[Proxy]:
    """Run nginx as the documentation configures it."""
    port = free_port()
    documented = re.search(r"```nginx\n(.+?)```", _running(), re.DOTALL)
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
        yield Proxy(port, folder / "cert.pem")
    finally:
        process.terminate()
        process.wait(20)


@contextmanager
def caddy(folder: Path, service_address: str) -> Iterator[Proxy]:
    """Run Caddy as the documentation configures it, with a certificate of its own authority."""
    port = free_port()
    documented = re.search(r"```\n(churn\.company\.example \{\n.+?)```", _running(), re.DOTALL)
    assert documented is not None
    site = documented[1]
    for written, here in (
        (f"{HOST} {{", f"https://{HOST}:{port} {{\nbind 127.0.0.1\ntls internal"),
        ("127.0.0.1:8000", service_address.removeprefix("http://")),
    ):
        assert written in site
        site = site.replace(written, here)
    config = folder / "Caddyfile"
    config.write_text(f"{{\nadmin off\nskip_install_trust\nauto_https disable_redirects\n}}\n{site}")
    assert CADDY is not None
    places = {"HOME": str(folder), "XDG_DATA_HOME": str(folder / "data"), "XDG_CONFIG_HOME": str(folder / "config")}
    process = subprocess.Popen(
        [CADDY, "run", "--config", str(config), "--adapter", "caddyfile"],
        env=os.environ | places,
        stderr=subprocess.DEVNULL,
    )
    authority = folder / "data" / "caddy" / "pki" / "authorities" / "local" / "root.crt"
    try:
        until(lambda: authority.is_file() and _listens(port), 30)
        yield Proxy(port, authority)
    finally:
        process.terminate()
        process.wait(20)


def _running() -> str:
    return (ROOT / "docs" / "running.md").read_text(encoding="utf-8")
