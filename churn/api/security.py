"""Who may do what: bearer keys with scopes, and how often. Every route of the API says which scope it needs."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Annotated, Any, Final, TypeVar

from fastapi import Depends, Request, Response
from fastapi.dependencies.models import Dependant
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute

from churn.api.problems import ApiError
from churn.api.state import State, state_in
from churn.store.service_records import ApiKey, Scope

_NAME: Final = "HTTPBearer"
# The members of the OpenAPI document about keys: what they are, and that an operation needs one.
SCHEMES: Final = {
    _NAME: {
        "type": "http",
        "scheme": "bearer",
        "description": "A key made with `churn keys create NAME --scope ...`.",
    }
}
_NEEDS_KEY: Final[dict[str, list[dict[str, list[str]]]]] = {"security": [{_NAME: []}]}
_SCOPE: Final = "needed_scope"  # the attribute of an endpoint

Endpoint = TypeVar("Endpoint", bound=Callable[..., Any])
Handler = Callable[[Request], Coroutine[Any, Any, Response]]


def needs(scope: Scope) -> Callable[[Endpoint], Endpoint]:
    """Mark an endpoint with the scope that its caller's key must bear (or admin)."""

    def mark(endpoint: Endpoint) -> Endpoint:
        setattr(endpoint, _SCOPE, scope)
        return endpoint

    return mark


class KeyRoute(APIRoute):
    """A route that admits its caller's key before anything else of the request is read.

    Not a dependency, since FastAPI takes longer to resolve one than the store takes to read a score. An endpoint
    without a scope is an error at start-up, so that no route is left open by mistake.
    """

    def __init__(self, path: str, endpoint: Callable[..., Any], **settings: Any) -> None:
        if getattr(endpoint, _SCOPE, None) is None:
            raise TypeError(f"{endpoint.__name__} does not say which scope it needs")
        settings["openapi_extra"] = {**(settings.get("openapi_extra") or {}), **_NEEDS_KEY}
        super().__init__(path, endpoint, **settings)

    def get_route_handler(self) -> Handler:
        """Return the handler that admits the key, then answers."""
        scope: Scope = getattr(self.endpoint, _SCOPE)
        answer = self.answer_admitted(super().get_route_handler())
        known = _query_names(self.dependant)

        async def admit_and_answer(request: Request) -> Response:
            request.scope["state"]["key"] = await admit(request, scope)
            if request.scope["query_string"]:
                _refuse_unknown(request, known)
            return await answer(request)

        return admit_and_answer

    def answer_admitted(self, answer: Handler) -> Handler:
        """Return the handler of a request whose key is admitted, from the framework's `answer`."""
        return answer


def _query_names(dependant: Dependant) -> frozenset[str]:
    """Return the query parameters of a route and of what it depends on."""
    own = frozenset(field.alias for field in dependant.query_params)
    return own.union(*(_query_names(below) for below in dependant.dependencies))


def _refuse_unknown(request: Request, known: frozenset[str]) -> None:
    """Raise RequestValidationError for query parameters that a route does not know: a filter misspelt would filter nothing."""
    unknown = [name for name in request.query_params if name not in known]
    if unknown:
        says = (
            f"not a parameter here; known are {', '.join(sorted(known))}" if known else "no parameters are known here"
        )
        raise RequestValidationError(
            [{"loc": ("query", name[:100]), "msg": says, "type": "extra_forbidden"} for name in unknown[:10]]
        )


async def caller_of(request: Request) -> ApiKey:
    """Return the key that the request was admitted with. Async, since FastAPI calls other dependencies in a thread."""
    key: ApiKey = request.state.key
    return key


Caller = Annotated[ApiKey, Depends(caller_of)]


async def admit(request: Request, scope: Scope) -> ApiKey:
    """Return the caller's key if it bears `scope` and is within its rate. Raises ApiError 401, 403, 429."""
    state, key = state_in(request), None
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and token:
        key = await state.callers.key(token)
    key = _admitted(state, key, scope)
    request.scope["state"]["who"] = key.name
    return key


def _admitted(state: State, key: ApiKey | None, scope: Scope) -> ApiKey:
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
