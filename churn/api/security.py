"""Who may do what: bearer keys with scopes, and how often."""

from __future__ import annotations

from fastapi import Request
from fastapi.security import HTTPBearer
from starlette.concurrency import run_in_threadpool

from churn.api.idempotency import claim
from churn.api.problems import ApiError
from churn.api.state import State, state_in
from churn.store.service_records import ApiKey, Scope


def key_with(scope: Scope) -> KeyBearer:
    """Return a dependency: the caller's key, which must bear `scope` (or admin) and be within its rate."""
    return KeyBearer(scope)


class KeyBearer(HTTPBearer):
    """See `key_with`. It has no dependencies of its own: resolving one takes the framework as long as reading a score."""

    def __init__(self, scope: Scope) -> None:
        super().__init__(
            auto_error=False,
            scheme_name="HTTPBearer",
            description="A key made with `churn keys create NAME --scope ...`.",
        )
        self.scope = scope

    async def __call__(self, request: Request) -> ApiKey:  # type: ignore[override]  # a key, not how it was sent
        """Return the key. Raises ApiError 401, 403, 429."""
        state, key = state_in(request), None
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and token:
            key = state.keyring.held(token) or await run_in_threadpool(state.keyring.look_up, token)
        key = _admit(state, key, self.scope)
        told = request.scope["state"]
        told["who"] = key.name
        if "request_hash" in told:
            await run_in_threadpool(claim, request, state, key)
        return key


def _admit(state: State, key: ApiKey | None, scope: Scope) -> ApiKey:
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
