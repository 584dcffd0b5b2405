"""The registry: which model serves, which wait; promote and roll back."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi import Path as InPath

from churn.api.idempotency import OnceRoute
from churn.api.problems import RESPONSES, request_id
from churn.api.schemas.risk import Model, Why
from churn.api.security import Caller, needs
from churn.api.state import State, state_of
from churn.errors import ConfigError, NotFound
from churn.store import ModelVersion
from churn.views.registry import list_models
from churn.workflows.mirror import mirror_beside
from churn.workflows.train import promote_model, rollback_model

router = APIRouter(route_class=OnceRoute, prefix="/v1/models", tags=["models"], responses=RESPONSES)


@router.get("")
@needs("read")
def models(state: Annotated[State, Depends(state_of)]) -> list[Model]:
    """List every registered version, newest first."""
    return [_told(model) for model in list_models(state.context)]


# Before the route with a version in its path, which would take `rollback` for one.
@router.post("/rollback")
@needs("admin")
def roll_back(request_body: Why, request: Request, key: Caller, state: Annotated[State, Depends(state_of)]) -> Model:
    """Let the champion before this one serve again, from the next request and the next night on."""
    champion = rollback_model(state.context, who=key.name, why=request_body.why)
    state.store.requests.audit(key.name, "rollback_model", champion.version, state.context.clock(), request_id(request))
    state.champion.forget()
    mirror_beside(state.context)
    return _told(champion)


@router.post("/{version}/promote")
@needs("admin")
def promote(
    version: Annotated[str, InPath(min_length=1, max_length=200)],
    request_body: Why,
    request: Request,
    key: Caller,
    state: Annotated[State, Depends(state_of)],
) -> Model:
    """Let a version serve, from the next request and the next night on."""
    try:
        state.store.models.get(version)
    except ConfigError as error:
        raise NotFound(error.what, where=error.where, remedy=error.remedy) from error
    champion = promote_model(state.context, version, who=key.name, why=request_body.why)
    state.store.requests.audit(key.name, "promote_model", version, state.context.clock(), request_id(request))
    state.champion.forget()
    mirror_beside(state.context)
    return _told(champion)


def _told(model: ModelVersion) -> Model:
    return Model(
        version=model.version,
        kind=model.kind,
        status=model.status,
        created_at=model.created_at,
        reason=model.reason,
        metrics={} if model.metrics is None else dict(model.metrics.shown.as_json()),
    )
