"""Answers the two questions that systems ask all day long, before the framework's way to a route.

That way costs more than reading one customer's risk, and half as much as scoring a row with reasons. Whatever is
unusual about a request (a caller not known from a moment ago, an idempotency key, many rows, any error) takes it
still, and so is answered in one place.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pydantic import ValidationError

from churn.api.problems import ApiError
from churn.api.routes.risk import LONGEST_ID
from churn.api.schemas.risk import FeatureRow, OnlineScores, ScoreRequest
from churn.api.security import admit
from churn.errors import ChurnError
from churn.views.online_scores import score_rows

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from churn.api.state import State
    from churn.store.records import ApiKey

_BEFORE_ID, _AFTER_ID, _SCORES = "/v1/customers/", "/risk", "/v1/scores"
_RISK_ROUTE: Final = "/v1/customers/{customer_id}/risk"
_MOST_ROWS: Final = 2  # more of them would keep every other caller waiting, so they are scored on a thread
_MOST_BYTES: Final = 100_000


class Direct:
    """An ASGI layer around the application; `scope["app"].state.churn` must be there."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "http":
            path, method = scope["path"], scope["method"]
            if method == "GET" and path.startswith(_BEFORE_ID) and path.endswith(_AFTER_ID):
                answer = _risk(scope, path[len(_BEFORE_ID) : -len(_AFTER_ID)])
                if answer is not None:
                    await _send(scope, send, _RISK_ROUTE, answer)
                    return
            elif method == "POST" and path == _SCORES and _is_plain(scope):
                body = await _body(receive)
                answer = None if body is None else _scores(scope, body)
                if answer is not None:
                    await _send(scope, send, _SCORES, answer)
                    return
                receive = _again(body, receive)
        await self._app(scope, receive, send)


def _risk(scope: Scope, customer_id: str) -> bytes | None:
    state, key = _caller(scope)
    if key is None or state.live_risk is None or not 0 < len(customer_id) <= LONGEST_ID:
        return None
    try:
        answer = state.live_risk.answer(customer_id)
        admit(state, key, "read")
    except (ApiError, ChurnError):
        return None
    scope["state"]["who"] = key.name
    return answer


def _scores(scope: Scope, body: bytes) -> bytes | None:
    state, key = _caller(scope)
    champion = state.champion.held()
    if key is None or champion is None:
        return None
    try:
        asked = ScoreRequest.model_validate_json(body)
        rows = [(row.customer_id, row.features) for row in asked.rows if isinstance(row, FeatureRow)]
        if len(asked.rows) > _MOST_ROWS or len(rows) < len(asked.rows):
            return None
        found = score_rows(state.context, *champion, rows, with_reasons=asked.with_reasons)
        admit(state, key, "read")
    except (ApiError, ChurnError, ValidationError):
        return None
    scope["state"]["who"] = key.name
    return OnlineScores.model_validate(found, from_attributes=True).model_dump_json().encode()


def _caller(scope: Scope) -> tuple[State, ApiKey | None]:
    state: State = scope["app"].state.churn
    given = next((value for name, value in scope["headers"] if name == b"authorization"), b"")
    scheme, _, token = given.decode("latin-1").partition(" ")
    return state, state.keyring.held(token) if scheme.lower() == "bearer" else None


def _is_plain(scope: Scope) -> bool:
    """Whether a request has a short JSON body and asks for nothing else."""
    headers = dict(scope["headers"])
    size = headers.get(b"content-length", b"")
    return (
        headers.get(b"content-type", b"").partition(b";")[0].strip().lower() == b"application/json"
        and size.isdigit()
        and int(size) <= _MOST_BYTES
        and b"idempotency-key" not in headers
    )


async def _body(receive: Receive) -> bytes | None:
    """Return the whole body, None if the caller went away."""
    parts = []
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return None
        parts.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(parts)


def _again(body: bytes | None, receive: Receive) -> Receive:
    """Return a `receive` that tells once more what was read."""
    told = False

    async def receiving() -> Message:
        nonlocal told
        if told:
            return await receive()
        told = True
        return {"type": "http.disconnect"} if body is None else {"type": "http.request", "body": body}

    return receiving


async def _send(scope: Scope, send: Send, route: str, body: bytes) -> None:
    scope["state"]["route"] = route
    headers = [(b"content-length", str(len(body)).encode()), (b"content-type", b"application/json")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})
