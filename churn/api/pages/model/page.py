"""The model: who serves, how good it is, what it goes by, who served before; and promotion and rollback by whoever may."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Form, Query, Request, Response
from fastapi.responses import RedirectResponse, StreamingResponse
from markupsafe import Markup

from churn.accounts.sign_in import SignedIn
from churn.api.pages.frame import HEADERS, page
from churn.api.pages.model.figures import contests_chart, history_chart, model_page
from churn.api.pages.session import signed_in
from churn.api.problems import request_id
from churn.api.state import State, state_of
from churn.documents.monitoring import MonitoringDocument
from churn.errors import ConfigError, NotFound
from churn.files import frame_csv
from churn.languages.words import N_, tr
from churn.views.champion import tells_money
from churn.views.feature_shifts import feature_shifts
from churn.views.model import ModelView, drift_summary, evaluation_rows, model_view
from churn.views.reasons_export import export_reasons
from churn.workflows.mirror import mirror_beside
from churn.workflows.train import promote_model, rollback_model

router = APIRouter(include_in_schema=False)

Here = Annotated[State, Depends(state_of)]
Reader = Annotated[SignedIn, Depends(signed_in())]
Admin = Annotated[SignedIn, Depends(signed_in("admin"))]
Why = Annotated[str, Form(max_length=500)]
SHIFTS: Final = 12  # as many as are looked at; the others are a click away
CHANGES = {
    "promoted": N_("From the next scoring on, {} serves."),
    "rolled_back": N_("{} serves again from the next scoring on."),
}


@router.get("/model")
def model(
    request: Request,
    state: Here,
    user: Reader,
    version: Annotated[str | None, Query(max_length=200)] = None,
    facts: Annotated[str, Query(max_length=10)] = "",
    change: Annotated[str, Query(alias="said", max_length=20)] = "",
) -> Response:
    """Show the champion, or another version."""
    try:
        view = model_view(state.context, version)
    except ConfigError as error:
        raise NotFound(error.what, where=error.where, remedy=tr("See the versions on the model page.")) from error
    champion, drift = view.champion, drift_summary(state.context)
    shifts = feature_shifts(state.context, view.version, view.card, drift) if view.version and view.card else []
    return page(
        request,
        "model/model.html.j2",
        title=tr("Model"),
        active="model",
        m=view,
        told=model_page(view, state.context.settings.business.currency),
        drift=drift,
        shifts=shifts if facts == "all" else shifts[:SHIFTS],
        more_shifts=0 if facts == "all" else max(len(shifts) - SHIFTS, 0),
        history=history_chart(view),
        contests=_contests(state, view, drift),
        may_change=user.may("admin"),
        said=tr(CHANGES[change]).format(champion.version) if change in CHANGES and champion else None,
    )


@router.get("/model/test-customers.csv")
def customers_of_the_test(
    state: Here, _user: Reader, version: Annotated[str | None, Query(max_length=200)] = None
) -> Response:
    """Hand over the test customers of a version: what was predicted of each, and whether they left."""
    try:
        rows = evaluation_rows(state.context, version)
    except ConfigError as error:
        raise NotFound(error.what, where=error.where, remedy=tr("See the versions on the model page.")) from error
    return _download(iter([frame_csv(rows)]), "test-customers.csv")


@router.get("/model/reasons.csv")
def reasons(state: Here, _user: Reader) -> Response:
    """Hand over the reasons behind each probability of the list in use."""
    return _download(export_reasons(state.context, state.risk_lists), "reasons.csv")


@router.post("/model/promote")
def promote(
    request: Request, state: Here, user: Admin, version: Annotated[str, Form(max_length=200)], why: Why = ""
) -> Response:
    """Let a version serve."""
    try:
        state.store.models.get(version)
    except ConfigError as error:
        raise NotFound(error.what, where=error.where, remedy=tr("See the versions on the model page.")) from error
    champion = promote_model(state.context, version, who=user.name, why=_reason(why))
    return _changed(request, state, user, "promote_model", champion.version, "promoted")


@router.post("/model/rollback")
def rollback(request: Request, state: Here, user: Admin, why: Why = "") -> Response:
    """Let the champion before this one serve again."""
    champion = rollback_model(state.context, who=user.name, why=_reason(why))
    return _changed(request, state, user, "rollback_model", champion.version, "rolled_back")


def _download(rows: Iterator[str], name: str) -> Response:
    headers = HEADERS | {"Content-Disposition": f'attachment; filename="{name}"'}
    return StreamingResponse(rows, media_type="text/csv; charset=utf-8", headers=headers)


def _contests(state: State, view: ModelView, drift: MonitoringDocument | None) -> Markup | None:
    """Return the chart of challengers; money only where the champion's probabilities tell of any."""
    if drift is None or view.champion is None or not tells_money(view.champion):
        return None
    return contests_chart(drift.contests, state.context.settings.business.currency)


def _reason(why: str) -> str:
    text = " ".join(why.split())
    if not text:
        raise ConfigError(
            tr("no reason was given"), where="reason", remedy=tr("Say in a few words why; it is kept in the history.")
        )
    return text


def _changed(request: Request, state: State, user: SignedIn, action: str, version: str, change: str) -> Response:
    state.store.requests.audit(user.name, action, version, state.context.clock(), request_id(request))
    mirror_beside(state.context)
    return RedirectResponse(f"/model?said={change}", status_code=303)
