"""People's rights: erase a customer, and hand out everything held about one."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Response
from fastapi import Path as InPath
from pydantic import BaseModel, Field

from churn.api.idempotency import OnceRoute
from churn.api.problems import RESPONSES
from churn.api.schemas.jobs import JobRun
from churn.api.security import Caller, needs
from churn.api.state import State, state_of
from churn.jobs.requests import ask_erase, ask_export, ready_export
from churn.jobs.view import run_view

router = APIRouter(prefix="/v1", tags=["people's rights"], route_class=OnceRoute, responses=RESPONSES)

CustomerId = Annotated[str, InPath(min_length=1, max_length=1_000, examples=["C0000042"])]


class HoldingList(BaseModel):
    """A list of a remote system."""

    connector: str
    campaign: str


class PastRequest(BaseModel):
    """What was asked for a customer, and what became of it."""

    kind: str
    requested_at: str
    state: str
    finished_at: str | None


class CustomerExport(BaseModel):
    """Everything held about one customer, by table and file."""

    customer_id: str
    exported_at: str
    note: str = Field(description="What each part is, and what is not looked at.")
    counts: dict[str, dict[str, int]] = Field(description="Rows by part and table or file.")
    lists: list[HoldingList] = Field(description="Lists of remote systems that hold the customer.")
    requests: list[PastRequest] = Field(description="What was asked for the customer before.")
    warehouse: dict[str, list[Any]]
    store: dict[str, list[Any]]
    files: dict[str, list[Any]]


@router.delete("/customers/{customer_id:path}", status_code=202)
@needs("admin")
def erase_a_customer(customer_id: CustomerId, key: Caller, state: Annotated[State, Depends(state_of)]) -> JobRun:
    """Erase a customer: scores, campaigns and pushes at once; remote lists, warehouse and files by the job answered with.

    Look at GET /v1/jobs/{run_id} for how it goes. They do not come back with the next load.
    """
    run = ask_erase(state.context, customer_id, who=key.name)
    return JobRun.of(run_view(run))


@router.get(
    "/customers/{customer_id:path}/export",
    responses={202: {"model": JobRun, "description": "It is being collected; ask again when the run is done."}},
)
@needs("admin")
def export_a_customer(
    customer_id: CustomerId, key: Caller, state: Annotated[State, Depends(state_of)]
) -> CustomerExport:
    """Return everything held about a customer: 202 with the run that collects it, 200 once that is done, for a day."""
    export = ready_export(state.context, customer_id, who=key.name)
    if export is not None:
        return CustomerExport.model_validate(export)
    run = ask_export(state.context, customer_id, who=key.name)
    body = JobRun.of(run_view(run)).model_dump_json()
    return Response(body, status_code=202, media_type="application/json")  # type: ignore[return-value]  # the other answer
