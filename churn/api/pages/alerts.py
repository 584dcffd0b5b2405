"""Alerts: what is open, where its cause is seen, what mends it, who looks after it; and what is over."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Depends, Form, Request, Response
from fastapi import Path as InPath
from fastapi.responses import RedirectResponse

from churn.accounts.sign_in import SignedIn
from churn.api.pages.frame import page
from churn.api.pages.session import signed_in
from churn.api.problems import request_id
from churn.api.state import State, state_of
from churn.errors import NotFound
from churn.jobs.catalog import JOBS
from churn.languages.words import tr
from churn.store import Alert
from churn.views.alerts import Remedy, alerts_page

router = APIRouter(include_in_schema=False)

Here = Annotated[State, Depends(state_of)]
Reader = Annotated[SignedIn, Depends(signed_in())]
Number = Annotated[int, InPath(ge=1, le=2**31 - 1)]


@router.get("/alerts")
def alerts(request: Request, state: Here, user: Reader) -> Response:
    """Show what is open and what is over."""

    def may_run(remedy: Remedy) -> bool:
        job = JOBS.get(remedy.job)
        return job is not None and user.may(job.scope) and not any(p.is_required for p in job.parameters.values())

    return page(
        request,
        "alerts/alerts.html.j2",
        title=tr("Alerts"),
        active="alerts",
        shown=alerts_page(state.context),
        may_run=may_run,
    )


@router.post("/alerts/{number}/take")
def take(
    number: Number, request: Request, state: Here, user: Reader, release: Annotated[str, Form(max_length=10)] = ""
) -> Response:
    """Note that whoever asks looks after an alert, or with `release` that nobody does any more."""
    _alert(state, number)
    now = state.context.clock()
    state.store.alerts.take(number, None if release else user.name, now)
    return _done(request, state, user, "release_alert" if release else "take_alert", number)


@router.post("/alerts/{number}/mute")
def mute(
    number: Number, request: Request, state: Here, user: Reader, days: Annotated[int, Form(ge=0, le=365)] = 7
) -> Response:
    """Tell nobody of an alert, or of the like, for some days; for none, tell of it again."""
    _alert(state, number)
    until = state.context.clock() + timedelta(days=days) if days else None
    state.store.alerts.mute(number, until)
    return _done(request, state, user, "mute_alert" if days else "unmute_alert", number)


def _alert(state: State, number: int) -> Alert:
    alert = state.store.alerts.find(number)
    if alert is None:
        raise NotFound(tr("no alert {number}", number=number), where="alerts", remedy=tr("See the list of alerts."))
    return alert


def _done(request: Request, state: State, user: SignedIn, action: str, number: int) -> Response:
    now = state.context.clock()
    state.store.requests.audit(user.name, action, f"alert {number}", now, request_id(request))
    return RedirectResponse(f"/alerts#alert-{number}", status_code=303)
