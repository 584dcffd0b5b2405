"""Handles every request's id, size limit, log line and metrics."""

from __future__ import annotations

import random
import re
import time
from typing import TYPE_CHECKING

from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from churn import tracing
from churn.api import problems

if TYPE_CHECKING:
    from churn.context import Context

UPLOADS = (
    "/experiments",
    "/customer-list",
    "/new-campaign",
    "/edit",
)  # what paths to which whole files are sent end with, below whatever prefix
_REQUEST_ID = re.compile(rb"[\w.-]{1,64}\Z")
_SIZES = frozenset({b"content-length", b"transfer-encoding"})
_NOSNIFF, _NO_STORE = (b"x-content-type-options", b"nosniff"), (b"cache-control", b"no-store")


class Compressing(GZipMiddleware):
    """Compresses for clients that accept it; others skip this layer, which matters for a lookup."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "http":
            for name, value in scope["headers"]:
                if name == b"accept-encoding" and b"gzip" in value:
                    await super().__call__(scope, receive, send)
                    return
        await self.app(scope, receive, send)


class Surround:
    """A plain ASGI layer: Starlette's middleware classes cost more than reading a score."""

    def __init__(self, app: ASGIApp, context: Context) -> None:
        self._app = app
        self._context = context
        api = context.settings.api
        self._limit = 1024 * api.max_body_kb
        self._upload_limit = max(self._limit, 1024 * 1024 * api.max_upload_mb)
        self._is_traced = tracing.is_on()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; everything that is no HTTP request passes by."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if self._is_traced:
            headers = dict(scope["headers"])
            with tracing.request_span(scope["method"], headers.get(b"traceparent", b"").decode("latin-1")):
                await self._answer(scope, receive, send)
            return
        await self._answer(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        sent_id, refusal = b"", None
        for name, value in scope["headers"]:
            if name == b"x-request-id":
                sent_id = value
            elif name in _SIZES:
                refusal = refusal or self._refusal(name, value, scope["path"])
        is_usable = sent_id and _REQUEST_ID.match(sent_id)
        given_id = sent_id.decode("latin-1") if is_usable else f"{random.getrandbits(64):016x}"
        noted = scope.setdefault("state", {})
        noted["request_id"] = given_id
        began, status = time.perf_counter(), 500

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = message["headers"] = [*message["headers"], (b"x-request-id", given_id.encode()), _NOSNIFF]
                if b"cache-control" not in dict(headers):
                    headers.append(_NO_STORE)
            await send(message)

        try:
            if refusal is None:
                await self._app(scope, receive, sending)
            else:
                code, name, detail, remedy = refusal
                await problems.answer(Request(scope), code, name, detail, remedy=remedy)(scope, receive, sending)
        finally:
            self._note(scope, given_id, noted.get("who"), status, time.perf_counter() - began)

    def _refusal(self, name: bytes, value: bytes, path: str) -> tuple[int, str, str, str | None] | None:
        if name == b"transfer-encoding":
            return 411, "length_required", "A body must say how long it is.", None
        is_upload = path.endswith(UPLOADS)
        limit = self._upload_limit if is_upload else self._limit
        if not value.isdigit() or len(value) > 18 or int(value) > limit:
            remedy = "Send the rows in parts, or raise [api] max_body_kb."
            if is_upload:
                command = "experiment" if path.endswith("/experiments") else "campaigns audience"
                remedy = f"Take the file with `churn {command}`, or raise [api] max_upload_mb."
            return 413, "body_too_large", f"At most {limit:,} bytes.", remedy
        return None

    def _note(self, scope: Scope, request_id: str, who: str | None, status: int, seconds: float) -> None:
        # The route's template, never the path: paths hold customer ids.
        route = getattr(scope.get("route"), "path", "none").replace(":path}", "}")
        scope["app"].churn.metrics.count(scope["method"], route, status, seconds)
        if self._is_traced:
            tracing.name_request(scope["method"], route, status)
        self._context.log.note(
            "request",
            request_id=request_id,
            method=scope["method"],
            route=route,
            status=status,
            who=who,
            milliseconds=round(1000 * seconds, 2),
        )
