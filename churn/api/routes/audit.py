"""The audit log: who did what, for whoever must answer for it."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, Field

from churn.api.problems import RESPONSES
from churn.api.schemas.risk import Instant
from churn.api.security import KeyRoute, needs
from churn.api.state import State, state_of

router = APIRouter(prefix="/v1", tags=["service"], route_class=KeyRoute, responses=RESPONSES)


class AuditEntry(BaseModel):
    """One deed."""

    entry_id: int
    done_at: Instant
    who: str = Field(examples=["crm"], description="The key's or user's name, or `command line`.")
    action: str = Field(examples=["promote_model"])
    subject: str = Field(examples=["20260701-020000-xgboost"])
    request_id: str | None = Field(None, description="Find the request in the log by it.")


class AuditPage(BaseModel):
    """A part of the log, newest first. Follow `next_cursor` until it is null."""

    entries: list[AuditEntry]
    next_cursor: int | None = None


@router.get("/audit")
@needs("admin")
def audit_log(
    state: Annotated[State, Depends(state_of)],
    who: Annotated[str | None, Query(max_length=200, pattern=r"^[^\x00]*$")] = None,
    action: Annotated[str | None, Query(max_length=100, pattern=r"^[a-z_]+$", examples=["promote_model"])] = None,
    limit: Annotated[int, Query(ge=1, le=1_000)] = 100,
    cursor: Annotated[int | None, Query(ge=1, le=2**31 - 1, description="`next_cursor` of the page before.")] = None,
) -> AuditPage:
    """Return who did what: the commands, pages and requests that changed something."""
    records = state.store.requests.audited(limit=limit + 1, who=who, action=action, before=cursor)
    entries = [AuditEntry.model_validate(record, from_attributes=True) for record in records[:limit]]
    return AuditPage(entries=entries, next_cursor=entries[-1].entry_id if len(records) > limit else None)
