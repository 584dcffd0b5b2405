"""Who may do what: bearer keys with scopes, and how often."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Coroutine
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, Final

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from starlette.concurrency import run_in_threadpool

from churn.accounts.keys import recognise
from churn.api.idempotency import claim
from churn.api.problems import ApiError
from churn.api.state import State, state_of
from churn.store.service_records import ApiKey, Scope

if TYPE_CHECKING:
    from churn.store import Store


_BEARER = HTTPBearer(auto_error=False, description="A key made with `churn keys create NAME --scope ...`.")


def key_with(scope: Scope) -> Callable[..., Coroutine[Any, Any, ApiKey]]:
    """Return a dependency: the caller's key, which must bear `scope` (or admin) and be within its rate."""

    async def caller(
        request: Request,
        state: Annotated[State, Depends(state_of)],
        credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_BEARER)],
    ) -> ApiKey:
        key = None
        if credentials is not None:
            token = credentials.credentials
            key = state.keyring.held(token) or await run_in_threadpool(state.keyring.look_up, token)
        key = admit(state, key, scope)
        request.state.who = key.name
        if hasattr(request.state, "request_hash"):
            await run_in_threadpool(claim, request, state, key)
        return key

    return caller


def admit(state: State, key: ApiKey | None, scope: Scope) -> ApiKey:
    """Return `key` if it bears `scope` and is within its rate. Raises ApiError 401, 403, 429."""
    if key is None:
        raise ApiError(
            401,
            "not_signed_in",
            "No valid key came with the request.",
            remedy="Send `Authorization: Bearer KEY`; make one with `churn keys create`.",
            headers={"WWW-Authenticate": "Bearer"},
        )
    if scope not in key.scopes and "admin" not in key.scopes:
        raise ApiError(
            403, "scope_missing", f"The key `{key.name}` lacks the scope `{scope}`.", remedy="Use another key."
        )
    state.rates.take(key.key_id)
    return key


SECONDS: Final = 1.0  # a revoked key is refused everywhere after so long at the latest
_MOST: Final = 10_000


class Keyring:
    """Keys by the hash of their token: no token is kept. Wrong ones are not remembered: each costs a look."""

    def __init__(self, store: Store, clock: Callable[[], datetime], now: Callable[[], float] = time.monotonic) -> None:
        self._store, self._clock, self._now = store, clock, now
        self._held: dict[bytes, tuple[float, ApiKey]] = {}

    def held(self, token: str) -> ApiKey | None:
        """Return the key that `token` was found to be within the last second, None to have it looked up."""
        found = self._held.get(_digest(token))
        return found[1] if found is not None and self._now() < found[0] else None

    def look_up(self, token: str) -> ApiKey | None:
        """Return the valid key that `token` is, as the store has it now; None for anything else."""
        digest, until = _digest(token), self._now() + SECONDS
        key = recognise(self._store, token, self._clock())
        if key is None:
            self._held.pop(digest, None)
            return None
        if len(self._held) >= _MOST:
            self._held.clear()
        self._held[digest] = (until, key)
        return key


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
