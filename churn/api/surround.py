"""What surrounds every request: its id, the size it may have, its line in the log, its place in the metrics."""

from __future__ import annotations

import re
import secrets
import time
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from churn.api import problems

if TYPE_CHECKING:
    from churn.workflows.context import Context

_REQUEST_ID = re.compile(r"[\w.-]{1,64}\Z", re.ASCII)


class Surround:
    """A plain ASGI layer: the framework's own way of adding one costs more than reading a score."""

    def __init__(self, app: ASGIApp, context: Context) -> None:
        self._app = app
        self._context = context
        self._limit = 1024 * context.settings.api.max_body_kb

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; everything that is no HTTP request passes by."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = Request(scope)
        sent_id = request.headers.get("x-request-id", "")
        request.state.request_id = sent_id if _REQUEST_ID.match(sent_id) else secrets.token_hex(8)
        began, status = time.perf_counter(), 500

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], *_added(request, message["headers"])]
            await send(message)

        refusal = self._refusal(request)
        try:
            if refusal is None:
                await self._app(scope, receive, sending)
            else:
                await refusal(scope, receive, sending)
        finally:
            self._note(scope, request, status, time.perf_counter() - began)

    def _refusal(self, request: Request) -> Any | None:
        length = request.headers.get("content-length", "0")
        if not (length.isascii() and length.isdigit()) or int(length) > self._limit:
            remedy = "Send the rows in parts, or raise [api] max_body_kb."
            return problems.answer(request, 413, "body_too_large", f"At most {self._limit:,} bytes.", remedy=remedy)
        if "transfer-encoding" in request.headers:
            return problems.answer(request, 411, "length_required", "A body must say how long it is.")
        return None

    def _note(self, scope: Scope, request: Request, status: int, seconds: float) -> None:
        # The route's template, never the path: paths hold customer ids.
        route = getattr(scope.get("route"), "path", "none")
        metrics = request.app.state.churn.metrics
        metrics.requests.labels(request.method, route, str(status)).inc()
        metrics.seconds.labels(route).observe(seconds)
        self._context.log.note(
            "request",
            request_id=request.state.request_id,
            method=request.method,
            route=route,
            status=status,
            who=getattr(request.state, "who", None),
            milliseconds=round(1000 * seconds, 2),
        )


def _added(request: Request, headers: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    added = [(b"x-request-id", request.state.request_id.encode()), (b"x-content-type-options", b"nosniff")]
    if not any(name == b"cache-control" for name, _ in headers):
        added.append((b"cache-control", b"no-store"))
    return added
