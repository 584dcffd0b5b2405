"""People's rights on a customer's page, for whoever administers: hand out, object, erase; the last one asks twice."""

from __future__ import annotations

import json
from typing import Annotated

from fastapi import APIRouter, Depends, Form, Query, Response
from fastapi.responses import RedirectResponse

from churn.accounts.sign_in import SignedIn
from churn.api.pages.people import LONGEST_ID, customer_path
from churn.api.pages.session import signed_in
from churn.api.state import State, state_of
from churn.errors import ConfigError
from churn.jobs.requests import RightsAsked, ask_erase, ask_export, ask_object, ready_export, rights_of
from churn.languages.words import tr

router = APIRouter(include_in_schema=False)

Here = Annotated[State, Depends(state_of)]
Admin = Annotated[SignedIn, Depends(signed_in("admin"))]
CustomerId = Annotated[str, Form(alias="customer_id", min_length=1, max_length=LONGEST_ID)]


@router.post("/rights/export")
def export(state: Here, user: Admin, customer_id: CustomerId) -> Response:
    """Have everything held about a customer collected."""
    ask_export(state.context, customer_id, who=user.name)
    return _back(customer_id)


@router.get("/rights/export")
def fetch(
    state: Here, user: Admin, customer_id: Annotated[str, Query(alias="id", min_length=1, max_length=LONGEST_ID)]
) -> Response:
    """Hand out what was collected, as a file."""
    document = ready_export(state.context, customer_id, who=user.name)
    if document is None:
        return _back(customer_id)
    headers = {"Content-Disposition": 'attachment; filename="customer.json"', "Cache-Control": "no-store"}
    return Response(json.dumps(document, ensure_ascii=False, indent=1), media_type="application/json", headers=headers)


@router.post("/rights/object")
def object_(state: Here, user: Admin, customer_id: CustomerId) -> Response:
    """Note that a customer objects to marketing."""
    ask_object(state.context, customer_id, who=user.name)
    return _back(customer_id)


@router.post("/rights/erase")
def erase(
    state: Here, user: Admin, customer_id: CustomerId, again: Annotated[str, Form(max_length=LONGEST_ID)] = ""
) -> Response:
    """Erase a customer whose id was written once more; answer with how the rest of it goes."""
    if again.strip() != customer_id:
        raise ConfigError(
            tr("the id written does not match, so nothing was erased"),
            where="id",
            remedy=tr("Go back and write it as shown."),
        )
    run = ask_erase(state.context, customer_id, who=user.name)
    return RedirectResponse(f"/jobs/runs/{run.run_id}", status_code=303)


def rights_block(state: State, user: SignedIn, customer_id: str) -> RightsAsked | None:
    """Return what the section of the customer's page shows; None for whoever may not use it."""
    return rights_of(state.context, customer_id) if user.may("admin") else None


def _back(customer_id: str) -> Response:
    return RedirectResponse(f"{customer_path(customer_id)}#rights", status_code=303)
