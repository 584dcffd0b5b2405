"""What may stand between us and Odoo: nginx that limits the rate, and a proxy that breaks off, stalls, or says no."""

from __future__ import annotations

import http.client
import os
import shutil
import socket
import struct
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from tests.odoo.chroot import RigBroken, nginx_program
from tests.odoo.server import NOBODY
from tests.ports import free_port

Fault = Literal["reset_before", "reset_after", "stall_after", "unavailable"]


@dataclass
class Nginx:
    """A rate-limiting front; `refused` counts its 429s."""

    url: str
    access_log: Path

    @property
    def refused(self) -> int:
        """How many requests were answered with 429."""
        return sum(line.split()[0] == "429" for line in self.access_log.read_text().splitlines())


@contextmanager
def running_nginx(upstream: str, *, requests_per_second: int, burst: int, retry_after: int = 1) -> Iterator[Nginx]:
    """Run Debian's nginx before `upstream`: above the rate it answers 429 with Retry-After. Raises RigBroken."""
    program = nginx_program()
    if program is None:
        raise RigBroken("nginx is missing: apt-get install nginx-light")
    folder = Path(tempfile.mkdtemp(prefix="churn-nginx-"))
    port = free_port()
    paths = " ".join(
        f"{name}_temp_path {folder}/{name};" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (folder / "nginx.conf").write_text(
        f"""
        daemon off; master_process off; pid {folder}/pid; error_log {folder}/error.log;
        events {{ worker_connections 64; }}
        http {{
            {paths}
            log_format status '$status $request_uri'; access_log {folder}/access.log status;
            client_max_body_size 64m; proxy_read_timeout 300s;
            limit_req_zone $server_name zone=all:1m rate={requests_per_second}r/s;
            limit_req_status 429;
            server {{
                listen 127.0.0.1:{port}; server_name crm;
                location / {{
                    limit_req zone=all burst={burst} nodelay;
                    proxy_pass {upstream}; error_page 429 @slow;
                }}
                location @slow {{ add_header Retry-After {retry_after} always; return 429; }}
            }}
        }}
        """
    )
    is_root = os.geteuid() == 0
    if is_root:
        for path in (folder, *folder.iterdir()):
            os.chown(path, NOBODY, NOBODY)
    account = {"user": NOBODY, "group": NOBODY, "extra_groups": []} if is_root else {}
    process = subprocess.Popen(
        [program, "-p", str(folder), "-c", str(folder / "nginx.conf"), "-e", str(folder / "error.log")],
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        **account,  # type: ignore[call-overload]
    )
    try:
        _await_port(port, process, folder / "error.log")
        yield Nginx(f"http://127.0.0.1:{port}", folder / "access.log")
    finally:
        process.terminate()
        process.wait(timeout=20)
        shutil.rmtree(folder, ignore_errors=True)


def _await_port(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise RigBroken(f"nginx does not start: {log.read_text() if log.exists() else 'no log'}")


@dataclass
class FaultyProxy:
    """Passes requests on until one matches a planned fault; `seen` holds the bodies in order."""

    url: str
    seen: list[bytes] = field(default_factory=list)
    before: Callable[[bytes], None] | None = None
    _faults: list[tuple[bytes, Fault]] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def plan(self, containing: str, *faults: Fault) -> None:
        """Let the next requests whose body contains the text meet these faults, one each."""
        self._faults += [(containing.encode(), fault) for fault in faults]

    def fault_of(self, body: bytes) -> Fault | None:
        """Return the fault that this request meets, and strike it off."""
        with self._lock:
            self.seen.append(body)
            for index, (mark, fault) in enumerate(self._faults):
                if mark in body:
                    del self._faults[index]
                    return fault
        return None

    def count(self, containing: str) -> int:
        """Return how many requests contained the text."""
        return sum(containing.encode() in body for body in self.seen)


@contextmanager
def running_proxy(upstream: str, *, stall_seconds: float = 3.0) -> Iterator[FaultyProxy]:
    """Run a proxy before `upstream` that meets requests with the faults planned for them."""
    server = _Server(upstream, stall_seconds)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield server.proxy
    finally:
        server.shutdown()
        server.server_close()
        thread.join(timeout=10)


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, upstream: str, stall_seconds: float) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.target, self.stall_seconds = urlsplit(upstream), stall_seconds
        self.proxy = FaultyProxy(f"http://127.0.0.1:{self.server_address[1]}")

    def handle_error(self, *_: object) -> None:
        return  # a client that gave up is what these tests are about


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        proxy = self.server.proxy
        if proxy.before is not None:
            proxy.before(body)
        fault = proxy.fault_of(body)
        if fault == "unavailable":
            self._answer(503, b"down for maintenance", "text/plain")
            return
        if fault == "reset_before":
            self._reset()
            return
        status, content, kind = self._ask(body)
        if fault == "stall_after":
            time.sleep(self.server.stall_seconds)
        if fault is None:
            self._answer(status, content, kind)
        else:
            self._reset()

    def _ask(self, body: bytes) -> tuple[int, bytes, str]:
        target = self.server.target
        connection = http.client.HTTPConnection(target.hostname or "", target.port, timeout=300)
        kept = {k: v for k, v in self.headers.items() if k.lower() not in {"host", "connection", "content-length"}}
        connection.request(self.command, self.path, body=body, headers=kept)
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        return answer.status, content, answer.getheader("content-type", "")

    def _answer(self, status: int, content: bytes, kind: str) -> None:
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _reset(self) -> None:
        """End the connection with a reset in place of an answer."""
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.shutdown(socket.SHUT_RD)
        os.close(self.connection.detach())

    def log_message(self, *_: object) -> None:
        return
