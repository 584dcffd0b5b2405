"""Writes with an `Idempotency-Key` are carried out once: a repeated one gets the first one's answer."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute
from starlette.concurrency import run_in_threadpool

from churn.api.problems import ApiError
from churn.api.state import State
from churn.store.service_records import ApiKey

_LONGEST = 200


class Replayed(Exception):
    """Ends a request whose answer is known."""

    def __init__(self, status: int, answer: Any) -> None:
        super().__init__(status)
        self.response = JSONResponse(answer, status_code=status, headers={"Idempotent-Replayed": "true"})


class OnceRoute(APIRoute):
    """A route whose writes may carry an idempotency key; the key is claimed once the caller is known."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return the handler that keeps the answer of a claimed write, and gives the claim back if it fails."""
        handle = super().get_route_handler()

        async def once(request: Request) -> Response:
            if request.method != "GET" and "idempotency-key" in request.headers:
                told = f"{request.method} {request.url.path}\n".encode("utf-8", "surrogatepass")
                request.state.request_hash = hashlib.sha256(told + await request.body()).hexdigest()
            try:
                response = await handle(request)
            except Replayed as replayed:
                return replayed.response
            except BaseException:
                await run_in_threadpool(_give_back, request)
                raise
            await run_in_threadpool(_keep, request, response)
            return response

        return once


def claim(request: Request, state: State, key: ApiKey) -> None:
    """Claim the write for the caller. Raises Replayed with an earlier answer, ApiError where the key is misused."""
    request_hash = getattr(request.state, "request_hash", None)
    if request_hash is None:
        return
    name = request.headers["idempotency-key"]
    if not 1 <= len(name) <= _LONGEST or not name.isprintable():
        raise ApiError(422, "invalid_request", f"Idempotency-Key must have 1 to {_LONGEST} printable characters.")
    earlier = state.store.requests.begin(key.key_id, name, request_hash, state.context.clock())
    if earlier is None:
        request.state.claim = (key.key_id, name)
        return
    if earlier.request_hash != request_hash:
        raise ApiError(
            422,
            "idempotency_key_reused",
            "This Idempotency-Key came with another request before.",
            remedy="Use a new key for each new write.",
        )
    if earlier.status is None:
        raise ApiError(
            409,
            "still_at_work",
            "The same request is still being carried out.",
            remedy="Ask again in a moment.",
            headers={"Retry-After": "2"},
        )
    raise Replayed(earlier.status, earlier.answer)


def _keep(request: Request, response: Response) -> None:
    claimed = getattr(request.state, "claim", None)
    if claimed is None:
        return
    requests = request.app.state.churn.store.requests
    if response.status_code >= 400:
        requests.forget(*claimed)
    else:
        requests.finish(*claimed, response.status_code, json.loads(bytes(response.body)))


def _give_back(request: Request) -> None:
    claimed = getattr(request.state, "claim", None)
    if claimed is not None:
        request.app.state.churn.store.requests.forget(*claimed)
