"""Signing in by key, password, one-time link or at the identity provider, and out again."""

from __future__ import annotations

import asyncio
import secrets
from typing import Annotated

from fastapi import APIRouter, Depends, Form, Query, Request, Response
from fastapi.responses import RedirectResponse
from starlette.concurrency import run_in_threadpool

from churn.accounts.sign_in import (
    SignedIn,
    form_token,
    recognise_session,
    seconds_to_wait,
    sign_in_by_key,
    sign_in_by_link,
    sign_in_by_password,
    sign_out,
)
from churn.accounts.sso.sign_out import sign_out_address
from churn.api.pages.frame import page
from churn.api.pages.session import (
    check_form,
    clear_session,
    our_address,
    safe_target,
    set_session,
    signed_in,
    who,
)
from churn.api.proxy import client_address
from churn.api.state import State, state_of
from churn.languages.words import tr

router = APIRouter(include_in_schema=False)

VISITOR = "churn_visitor"  # binds the sign-in form to the browser that it was shown to
Target = Annotated[str, Query(alias="next", max_length=2_000)]


@router.get("/sign-in")
def sign_in_page(request: Request, state: Annotated[State, Depends(state_of)], target: Target = "/") -> Response:
    """Show the form, or go on where somebody is signed in already."""
    if who(request, state) is not None:
        return RedirectResponse(safe_target(target), status_code=303)
    return sign_in_form(request, state, target)


@router.post("/sign-in")
async def sign_in(
    request: Request,
    state: Annotated[State, Depends(state_of)],
    name: Annotated[str, Form(max_length=200)] = "",
    secret: Annotated[str, Form(max_length=500)] = "",
    target: Annotated[str, Form(alias="next", max_length=2_000)] = "/",
) -> Response:
    """Sign in: with a name it is a password, without one a key."""
    await check_form(request, form_token(request.cookies.get(VISITOR) or secrets.token_hex()))
    address = client_address(request)
    if name.strip():
        await asyncio.sleep(await run_in_threadpool(seconds_to_wait, state.context, name))  # no thread waits for it
        session = await run_in_threadpool(sign_in_by_password, state.context, name, secret, address=address)
    else:
        session = await run_in_threadpool(sign_in_by_key, state.context, secret, address=address)
    if session is None:
        wrong = tr("Name and password do not match.") if name.strip() else tr("This key is not valid.")
        return await run_in_threadpool(sign_in_form, request, state, target, wrong=wrong, name=name)
    return entered(request, session, target)


@router.get("/sign-in/link")
def sign_in_link(
    request: Request, state: Annotated[State, Depends(state_of)], token: Annotated[str, Query(max_length=200)] = ""
) -> Response:
    """Sign in by a one-time link, which the terminal printed."""
    address = client_address(request)
    session = sign_in_by_link(state.context, token, address=address)
    if session is None:
        if who(request, state) is not None:
            return RedirectResponse("/", status_code=303)
        wrong = tr("This link was used already, or is older than 15 minutes. Run `churn users link` for a new one.")
        return sign_in_form(request, state, "/", wrong=wrong)
    return entered(request, session, "/")


@router.post("/sign-out")
def leave(
    request: Request, state: Annotated[State, Depends(state_of)], user: Annotated[SignedIn, Depends(signed_in(None))]
) -> Response:
    """End the session; one that an identity provider began ends there too."""
    elsewhere = sign_out_address(state.context, state.provider, user, back_to=f"{our_address(request, state)}/sign-in")
    sign_out(state.context, user)
    response: Response = RedirectResponse("/sign-in", status_code=303)
    if elsewhere is not None:
        # A page that leads on, since a form's redirect to another place is refused by our Content-Security-Policy.
        request.state.user = None
        response = page(request, "sign_in/signed_out.html.j2", title=tr("Signed out"), active="", elsewhere=elsewhere)
        response.headers["Refresh"] = f"0; url={elsewhere}"
    clear_session(response)
    return response


def sign_in_form(
    request: Request, state: State, target: str, *, wrong: str | None = None, name: str = "", status: int = 401
) -> Response:
    """Return the form; `wrong` says why the last attempt failed, with `status`."""
    visitor = request.cookies.get(VISITOR) or secrets.token_urlsafe(24)
    response = page(
        request,
        "sign_in/sign_in.html.j2",
        title=tr("Sign in"),
        active="",
        status=status if wrong else 200,
        form_token=form_token(visitor),
        target=safe_target(target),
        wrong=wrong,
        name=name,
        has_users=bool(state.store.users.list()),
        sso=state.context.settings.sso,
    )
    response.set_cookie(
        VISITOR, visitor, httponly=True, samesite="strict", secure=request.url.scheme == "https", path="/sign-in"
    )
    return response


def entered(request: Request, session: str, target: str) -> Response:
    """Return the way on of somebody who signed in: where they wanted to go, or to their account if no page is open to them."""
    state: State = request.app.churn
    user = recognise_session(state.store, state.context, session)
    is_reader = user is None or user.may("read")
    response = RedirectResponse(safe_target(target) if is_reader else "/account", status_code=303)
    set_session(request, response, session)
    response.delete_cookie(VISITOR, path="/sign-in")
    return response
