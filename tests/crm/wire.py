"""Puts a CRM of the tests behind a real port, so that whole services and browsers meet it as they would meet any."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx

from tests.crm.contract import FakeCrm


class CrmServer(ThreadingHTTPServer):
    """Answers as `crm` does. While `gate` is not set, no request is answered."""

    daemon_threads = True

    def __init__(self, crm: FakeCrm) -> None:
        super().__init__(("127.0.0.1", 0), _Wire)
        self.crm, self.gate = crm, threading.Event()
        self.gate.set()
        self.wire = crm.transport()

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Wire(BaseHTTPRequestHandler):
    server: CrmServer

    def _meet(self) -> None:
        self.server.gate.wait(timeout=60)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        url = f"http://crm.example/{self.path.lstrip(chr(47))}"
        answer = self.server.wire.handle_request(
            httpx.Request(self.command, url, headers=dict(self.headers), content=body)
        )
        content = answer.read()
        self.send_response(answer.status_code)
        for name, value in answer.headers.items():
            if name.lower() not in {"content-length", "transfer-encoding"}:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = do_PATCH = do_PUT = _meet  # noqa: N815 - http.server's names

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def on_a_port(crm: FakeCrm) -> Iterator[CrmServer]:
    """Serve `crm` while the block runs."""
    server = CrmServer(crm)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.gate.set()
        server.shutdown()
        server.server_close()
        thread.join(timeout=10)
