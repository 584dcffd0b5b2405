"""Who may do what: bearer keys with scopes, and how often."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Annotated, Any

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from starlette.concurrency import run_in_threadpool

from churn.api.idempotency import claim
from churn.api.problems import ApiError
from churn.api.state import State, state_of
from churn.store.records import ApiKey, Scope

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
