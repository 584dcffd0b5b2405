"""The model: who serves, how good it is, what it goes by, who served before; and promotion and rollback by whoever may."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Form, Query, Request, Response
from fastapi.responses import RedirectResponse

from churn.accounts.sign_in import SignedIn
from churn.api.pages.frame import page
from churn.api.pages.model.figures import model_page
from churn.api.pages.session import signed_in
from churn.api.problems import request_id
from churn.api.state import State, state_of
from churn.errors import ConfigError, NotFound
from churn.views.model import drift_summary, model_view
from churn.workflows.mirror import mirror_beside
from churn.workflows.train import promote_model, rollback_model

router = APIRouter(include_in_schema=False)

Here = Annotated[State, Depends(state_of)]
Reader = Annotated[SignedIn, Depends(signed_in())]
Admin = Annotated[SignedIn, Depends(signed_in("admin"))]
Why = Annotated[str, Form(max_length=500)]
CHANGES = {
    "promoted": "From the next scoring on, {} serves.",
    "rolled_back": "{} serves again from the next scoring on.",
}


@router.get("/model")
def model(
    request: Request,
    state: Here,
    user: Reader,
    version: Annotated[str | None, Query(max_length=200)] = None,
    change: Annotated[str, Query(alias="said", max_length=20)] = "",
) -> Response:
    """Show the champion, or another version."""
    try:
        view = model_view(state.context, version)
    except ConfigError as error:
        raise NotFound(error.what, where=error.where, remedy="See the versions on the model page.") from error
    champion = view.champion
    return page(
        request,
        "model/model.html.j2",
        title="Model",
        active="model",
        m=view,
        told=model_page(view, state.context.settings.business.currency),
        drift=drift_summary(state.context),
        may_change=user.may("admin"),
        said=CHANGES[change].format(champion.version) if change in CHANGES and champion else None,
    )


@router.post("/model/promote")
def promote(
    request: Request, state: Here, user: Admin, version: Annotated[str, Form(max_length=200)], why: Why = ""
) -> Response:
    """Let a version serve."""
    try:
        state.store.models.get(version)
    except ConfigError as error:
        raise NotFound(error.what, where=error.where, remedy="See the versions on the model page.") from error
    champion = promote_model(state.context, version, who=user.name, why=_reason(why))
    return _changed(request, state, user, "promote_model", champion.version, "promoted")


@router.post("/model/rollback")
def rollback(request: Request, state: Here, user: Admin, why: Why = "") -> Response:
    """Let the champion before this one serve again."""
    champion = rollback_model(state.context, who=user.name, why=_reason(why))
    return _changed(request, state, user, "rollback_model", champion.version, "rolled_back")


def _reason(why: str) -> str:
    text = " ".join(why.split())
    if not text:
        raise ConfigError(
            "no reason was given", where="reason", remedy="Say in a few words why; it is kept in the history."
        )
    return text


def _changed(request: Request, state: State, user: SignedIn, action: str, version: str, change: str) -> Response:
    state.store.requests.audit(user.name, action, version, state.context.clock(), request_id(request))
    mirror_beside(state.context)
    return RedirectResponse(f"/model?said={change}", status_code=303)
