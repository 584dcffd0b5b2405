"""Writes with an `Idempotency-Key` are carried out once: a repeated one gets the first one's answer."""

from __future__ import annotations

import hashlib
import json

from fastapi import Request, Response
from fastapi.responses import JSONResponse
from starlette.concurrency import run_in_threadpool

from churn.api.problems import ApiError
from churn.api.security import Handler, KeyRoute
from churn.api.state import state_in

_LONGEST = 200


class OnceRoute(KeyRoute):
    """A route whose writes may carry an idempotency key; the key is claimed once the caller is known."""

    def answer_admitted(self, answer: Handler) -> Handler:
        """Return the handler that keeps the answer of a claimed write, and gives the claim back if it fails."""

        async def answer_once(request: Request) -> Response:
            name = request.headers.get("idempotency-key")
            if name is None or request.method == "GET":
                return await answer(request)
            content = f"{request.method} {request.url.path}\n".encode("utf-8", "surrogatepass") + await request.body()
            claim = _Claim(request, name)
            earlier = await run_in_threadpool(claim.take, hashlib.sha256(content).hexdigest())
            if earlier is not None:
                return earlier
            try:
                response = await answer(request)
            except BaseException:
                await run_in_threadpool(claim.give_back)
                raise
            await run_in_threadpool(claim.keep, response)
            return response

        return answer_once


class _Claim:
    """A caller's write under a name of theirs."""

    def __init__(self, request: Request, name: str) -> None:
        state = state_in(request)
        self._requests, self._clock = state.store.requests, state.context.clock
        self._key_id: str = request.state.key.key_id
        self._name = name

    def take(self, request_hash: str) -> Response | None:
        """Claim the write; return the answer that it had before, if any. Raises ApiError where the name is misused."""
        if not 1 <= len(self._name) <= _LONGEST or not self._name.isprintable():
            raise ApiError(422, "invalid_request", f"Idempotency-Key must have 1 to {_LONGEST} printable characters.")
        earlier = self._requests.begin(self._key_id, self._name, request_hash, self._clock())
        if earlier is None:
            return None
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
        return JSONResponse(earlier.answer, status_code=earlier.status, headers={"Idempotent-Replayed": "true"})

    def keep(self, response: Response) -> None:
        """Keep the answer for whoever sends the write again; one that failed may be tried again."""
        if response.status_code >= 400:
            self.give_back()
        else:
            self._requests.finish(self._key_id, self._name, response.status_code, json.loads(bytes(response.body)))

    def give_back(self) -> None:
        """Give the name back: nothing was carried out."""
        self._requests.forget(self._key_id, self._name)
