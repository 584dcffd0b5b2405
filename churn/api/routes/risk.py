"""The risk of one customer, and the risk list."""

from __future__ import annotations

import hashlib
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi import Path as InPath

from churn.api.problems import RESPONSES
from churn.api.schemas.risk import CustomerRisk, Probability, RiskPage
from churn.api.security import KeyRoute, needs
from churn.api.state import State, state_in, state_of
from churn.decisions.bands import Band
from churn.views.current_run import run_facts
from churn.views.customer_risk import risk_json
from churn.views.reports import TYPES
from churn.views.risk_list import risk_csv, risk_page, risk_workbook

router = APIRouter(prefix="/v1", tags=["risk"], route_class=KeyRoute, responses=RESPONSES)

LONGEST_ID = 1_000
CustomerId = Annotated[str, InPath(min_length=1, max_length=LONGEST_ID, examples=["C0000042"])]


@router.get("/customers/{customer_id:path}/risk", response_model=CustomerRisk)  # an id may hold a slash
@needs("read")
async def risk_of_a_customer(customer_id: CustomerId, request: Request) -> Response:
    """Return a customer's churn probability with reasons, what changed since the last run, and what to do."""
    state = state_in(request)
    profit_of, next_offer, buying = state.newest_terms.profit, state.next_offers.of, state.buying.of
    risk = await state.ask(lambda published: risk_json(published, customer_id, profit_of, next_offer, buying))
    return Response(risk, media_type="application/json")


@router.get(
    "/risk-list",
    response_model=RiskPage,
    responses={
        200: {
            "content": {
                "text/csv": {"schema": {"type": "string"}},
                TYPES[".xlsx"]: {"schema": {"type": "string", "format": "binary"}},
            }
        },
        304: {"description": "Unchanged"},
    },
)
@needs("read")
def risk_list(
    request: Request,
    state: Annotated[State, Depends(state_of)],
    band: Annotated[list[Band] | None, Query(description="Only these bands; the risk list's own without.")] = None,
    min_probability: Annotated[Probability | None, Query()] = None,
    plan: Annotated[str | None, Query(max_length=200)] = None,
    sort: Annotated[Literal["expected_profit", "churn_probability"], Query()] = "expected_profit",
    limit: Annotated[int, Query(ge=1, le=1_000)] = 100,
    cursor: Annotated[str | None, Query(max_length=500)] = None,
    format: Annotated[Literal["json", "csv", "xlsx"], Query()] = "json",  # noqa: A002 - the parameter's public name
) -> Response:
    """Return the current list page by page, highest first. With `If-None-Match`, 304 while nothing has changed."""
    page = risk_page(
        state.context,
        bands=band,
        min_probability=min_probability,
        plan=plan,
        order=sort,
        limit=limit,
        cursor=cursor,
        offers=state.next_offers,
        buying=state.buying,
    )
    # The list changes as a whole, or turns stale, or a round of a programme begins or ends.
    offers = "|".join(customer["next_best_offer"] or "" for customer in page.customers)
    named = f"{page.run.run_id}|{page.run.is_stale}|{offers}|{request.url.query}".encode("utf-8", "surrogatepass")
    headers = {"ETag": f'"{hashlib.sha256(named).hexdigest()[:32]}"', "Cache-Control": "private, no-cache"}
    if page.next_cursor:
        headers["X-Next-Cursor"] = page.next_cursor
    if headers["ETag"] in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    if format == "csv":
        return Response(risk_csv(page), media_type="text/csv; charset=utf-8", headers=headers)
    if format == "xlsx":
        return Response(risk_workbook(state.context, page), media_type=TYPES[".xlsx"], headers=headers)
    body = RiskPage.model_validate(
        {**run_facts(page.run), "customers": page.customers, "next_cursor": page.next_cursor}
    )
    return Response(body.model_dump_json(), media_type="application/json", headers=headers)
