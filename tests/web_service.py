"""A stateful web service on loopback for tests: it pages, limits, signs in, lies and breaks off as it is told to."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

Row = dict[str, Any]  # a service's own fields are free
SECRET = "web-s3cret-word"  # tests look for it where no secret may appear


@dataclass
class WebService:
    """What the service holds and does. `faults` answer a request by its number from 1, in place of the service."""

    rows: list[Row]
    port: int = 0
    page_size: int = 3
    most_rows: int = 1000  # a page has at most so many, whatever is asked for
    faults: dict[int, Callable[[BaseHTTPRequestHandler], None]] = field(default_factory=dict)
    asked: list[dict[str, str]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    tokens: set[str] = field(default_factory=set)
    needs: Callable[[dict[str, str], dict[str, str]], bool] = lambda _headers, _query: True
    total: int | None = None
    clamps: bool = False  # a page after the last one is the last one again

    @property
    def url(self) -> str:
        """Where the rows are."""
        return f"http://127.0.0.1:{self.port}/rows"

    def answer(self, path: str, query: dict[str, str]) -> tuple[Any, dict[str, str]]:  # noqa: PLR0911  # one way of paging each
        """Return body and headers of a page."""
        rows = [row for row in self.rows if row.get("updated_at", "") >= query.get("since", "")]
        size = min(int(query.get("limit", self.page_size)), self.most_rows)
        if path == "/by-cursor":
            start = int(query.get("cursor", "c0")[1:])
            more = start + size < len(rows)
            return {"data": rows[start : start + size], "meta": {"next": f"c{start + size}" if more else None}}, {}
        if path == "/by-address":
            start = int(query.get("start", "0"))
            more = start + size < len(rows)
            target = f"http://127.0.0.1:{self.port}/by-address?start={start + size}"
            return {"data": rows[start : start + size], "next": target if more else None}, {}
        if path == "/by-row":
            ids = [row["id"] for row in rows]
            start = ids.index(int(query["after"])) + 1 if "after" in query else 0
            return {"data": rows[start : start + size], "has_more": start + size < len(rows)}, {}
        if path == "/by-link":
            start = int(query.get("start", "0"))
            link = f'</by-link?start={start + size}&limit={size}>; rel="next"' if start + size < len(rows) else ""
            return rows[start : start + size], {"link": link} if link else {}
        if path == "/by-page":
            page = int(query.get("page", "1"))
            if self.clamps:
                page = min(page, -(-len(rows) // size))
            total = len(rows) if self.total is None else self.total
            return {"items": rows[(page - 1) * size : page * size], "total": total}, {}
        if path == "/by-offset":
            start = int(query.get("offset", "0"))
            return {"items": rows[start : start + size]}, {}
        if path == "/sync":
            start = int(query.get("token", "0"))
            return {"data": rows[start:], "token": str(len(rows))}, {}
        return {"data": rows}, {}


@contextmanager
def serving(service: WebService) -> Iterator[WebService]:
    """Serve for as long as the block lasts."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            query = {key: values[-1] for key, values in parse_qs(parts.query).items()}
            service.asked.append({"path": parts.path, **query})
            headers = {key.lower(): value for key, value in self.headers.items()}
            service.headers.append(headers)
            fault = service.faults.pop(len(service.asked), None)
            if fault is not None:
                fault(self)
            elif not service.needs(headers, query):
                send(self, {"error": "who?"}, status=401)
            else:
                body, more = service.answer(parts.path, query)
                send(self, body, headers=more)

        def do_POST(self) -> None:
            form = parse_qs(self.rfile.read(int(self.headers["content-length"])).decode())
            if form.get("client_secret") != [SECRET]:
                send(self, {"error": "invalid_client"}, status=401)
                return
            token = f"token-{len(service.tokens) + 1}"
            service.tokens.add(token)
            send(self, {"access_token": token, "token_type": "bearer", "expires_in": 60})

        def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002  # the standard library's name
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    service.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield service
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def send(
    handler: BaseHTTPRequestHandler, body: Any, *, status: int = 200, headers: dict[str, str] | None = None
) -> None:
    """Answer with JSON, or with a text as HTML."""
    is_text = isinstance(body, str)
    content = (body if is_text else json.dumps(body)).encode()
    handler.send_response(status)
    handler.send_header("content-type", "text/html" if is_text else "application/json")
    handler.send_header("content-length", str(len(content)))
    for name, value in (headers or {}).items():
        handler.send_header(name, value)
    handler.end_headers()
    handler.wfile.write(content)


def breaking_off(handler: BaseHTTPRequestHandler) -> None:
    """Promise more than is sent, and close."""
    handler.send_response(200)
    handler.send_header("content-type", "application/json")
    handler.send_header("content-length", "1000")
    handler.end_headers()
    handler.wfile.write(b'{"data": [{"id": 1')
    handler.close_connection = True


def torn(handler: BaseHTTPRequestHandler) -> None:
    """Send half of a body as if it were whole."""
    content = b'{"data": [{"id": 1'
    handler.send_response(200)
    handler.send_header("content-type", "application/json")
    handler.send_header("content-length", str(len(content)))
    handler.end_headers()
    handler.wfile.write(content)
