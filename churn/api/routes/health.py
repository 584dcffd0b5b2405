"""Whether the service lives, whether it can answer, and its metrics."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel
from starlette.concurrency import run_in_threadpool

from churn.api.metrics import CONTENT_TYPE
from churn.api.problems import RESPONSES
from churn.api.proxy import is_open_to
from churn.api.security import admit
from churn.api.state import State, state_of

router = APIRouter(tags=["service"], responses=RESPONSES)


class Health(BaseModel):
    """The process is there."""

    status: str = "ok"


class Readiness(Health):
    """The store answers. `scores` and `model` say whether there is something to serve yet."""

    store: str
    scores: bool
    model: bool


@router.head("/healthz", include_in_schema=False)
@router.get("/healthz")
async def is_alive() -> Health:
    """Say that the process is there; touches nothing, and waits behind no other request."""
    return Health()


@router.head("/readyz", include_in_schema=False)
@router.get("/readyz")
def is_ready(state: Annotated[State, Depends(state_of)]) -> Readiness:
    """Say whether requests can be answered: 503 where the store does not."""
    return Readiness(
        store="ok",
        scores=state.store.published.current_run() is not None,
        model=state.store.models.champion() is not None,
    )


@router.get("/metrics", response_class=Response)
async def metrics(request: Request, state: Annotated[State, Depends(state_of)]) -> Response:
    """Return Prometheus metrics: requests and their seconds, the list and its freshness, jobs, alerts, pushes, money."""
    if not is_open_to(request, chosen=state.context.settings.api.has_open_metrics):
        await admit(request, "read")
    text = await run_in_threadpool(state.metrics.exposed, state.context)
    return Response(text, media_type=CONTENT_TYPE)
