"""One's own account: what one may do, and the browsers in which one is signed in. Everybody who is signed in may see it."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Form, Request, Response
from fastapi.responses import RedirectResponse

from churn.accounts.sign_in import SignedIn, end_sessions, list_sessions
from churn.api.pages.frame import page
from churn.api.pages.language import COOKIE, forget_language, keep_language, own_name
from churn.api.pages.rights import RIGHTS
from churn.api.pages.session import signed_in
from churn.api.pages.users import NUMBER
from churn.api.problems import request_id
from churn.api.state import State, state_of
from churn.errors import NotFound
from churn.languages.catalogue import languages
from churn.languages.words import tr
from churn.store.service_records import WebSession

router = APIRouter(include_in_schema=False)

Here = Annotated[State, Depends(state_of)]
Anybody = Annotated[SignedIn, Depends(signed_in(None))]


@router.get("/account")
def account(request: Request, state: Here, user: Anybody) -> Response:
    """Show who is signed in here, what they may do, and where else they are signed in."""
    return page(
        request,
        "account/account.html.j2",
        title=user.name,
        active="account",
        rights=RIGHTS,
        sessions=_own_sessions(state, user),
        number=NUMBER,
        languages=[(code, own_name(code)) for code in languages()],
        chosen_language=request.cookies.get(COOKIE, ""),
    )


@router.post("/account/end")
def end(state: Here, user: Anybody, number: Annotated[str, Form(pattern=r"^[0-9a-f]{12}$")]) -> Response:
    """End a session of one's own."""
    if not any(session.session_hash.startswith(number) for session in _own_sessions(state, user)):
        raise NotFound(tr("no session of yours has this number"), where=number, remedy=tr("It may have ended already."))
    end_sessions(state.context, which=number, who=user.name)
    return RedirectResponse("/account", status_code=303)


@router.post("/account/language")
def choose_language(
    request: Request, state: Here, user: Anybody, language: Annotated[str, Form(max_length=20)] = ""
) -> Response:
    """Keep in which language this browser wants its pages; an empty one leaves it to what the browser prefers."""
    if language and language not in languages():
        raise NotFound(tr("there is no such language"), where=language[:20], remedy=tr("Choose one from the list."))
    now = state.context.clock()
    state.store.requests.audit(user.name, "choose_language", language or "browser", now, request_id(request))
    response = RedirectResponse("/account", status_code=303)
    if language:
        keep_language(request, response, language)
    else:
        forget_language(response)
    return response


def _own_sessions(state: State, user: SignedIn) -> list[WebSession]:
    sessions = list_sessions(state.context)
    subjects = {session.subject for session in sessions if session.session_hash == user.session_hash}
    return [session for session in sessions if session.kind == user.kind and session.subject in subjects]
