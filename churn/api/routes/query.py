"""SQL over the published tables, for whoever may see everything."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, Field, JsonValue

from churn.api.problems import RESPONSES, request_id
from churn.api.schemas.risk import Instant, Strict
from churn.api.security import Caller, KeyRoute, needs
from churn.api.state import State, state_of
from churn.workflows.query import query_tables

router = APIRouter(prefix="/v1", tags=["service"], route_class=KeyRoute, responses=RESPONSES)


class QueryBody(Strict):
    """One select over the tables of docs/tables.md."""

    sql: Annotated[str, Field(min_length=1, max_length=100_000)] = Field(
        examples=["select risk_band, count(*) as customers from scores group by risk_band"]
    )
    limit: Annotated[int, Field(ge=1, le=1_000_000)] | None = Field(
        None, description="At most this many rows; `[api] query_rows` bounds it."
    )


class QueryColumn(BaseModel):
    """A column of the answer."""

    name: str
    type: str


class QueryPage(BaseModel):
    """The rows of an answer, as of `published_at`; `is_cut_off` where there are more."""

    columns: list[QueryColumn]
    rows: list[list[JsonValue]]
    is_cut_off: bool
    published_at: Instant
    data_cutoff: Instant
    seconds: float


@router.post("/query")
@needs("admin")
def query(request: Request, body: QueryBody, state: Annotated[State, Depends(state_of)], key: Caller) -> QueryPage:
    """Answer one select over a copy of the last night's tables: no job waits for it, and it reaches no file or address."""
    settings = state.context.settings.api
    limit = min(body.limit or settings.query_rows, settings.query_rows)
    answer = query_tables(state.context, body.sql, limit=limit, seconds=settings.query_seconds)
    state.store.requests.audit(key.name, "query", body.sql[:500], state.context.clock(), request_id(request))
    return QueryPage(
        columns=[QueryColumn(name=name, type=kind) for name, kind in answer.columns],
        rows=list(answer.rows()),
        is_cut_off=answer.is_cut_off,
        published_at=answer.published_at,
        data_cutoff=answer.data_cutoff,
        seconds=answer.seconds,
    )
