"""Signing in at the identity provider: on the way there, and back with a code."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import RedirectResponse

from churn.accounts.sso.flow import LASTS_SECONDS, Returned, begin, provider_address, read_cookie
from churn.accounts.sso.people import sign_in_by_provider
from churn.accounts.sso.refusal import SignInRefused
from churn.api.pages.session import our_address, safe_target, who
from churn.api.pages.sign_in import Target, entered, sign_in_form
from churn.api.problems import ApiError
from churn.api.proxy import client_address
from churn.api.state import State, state_of
from churn.config import SsoSettings
from churn.errors import AuthFailed, ChurnError, ConfigError, Unreachable
from churn.languages.recorded import recorded
from churn.languages.words import tr

router = APIRouter(include_in_schema=False)

COOKIE = "churn_sso"  # binds the provider's answer to the browser that asked
_PATH = "/sign-in"
Text = Annotated[str, Query(max_length=4_000)]


@router.get("/sign-in/sso")
def leave_for_provider(request: Request, state: Annotated[State, Depends(state_of)], target: Target = "/") -> Response:
    """Send the browser to the provider; while that is away, say so beside the form."""
    settings = _settings_on(state)
    if who(request, state) is not None:
        return RedirectResponse(safe_target(target), status_code=303)
    begun = begin(safe_target(target), state.context.clock())
    try:
        address = provider_address(state.provider, settings, begun, _callback(request, state))
    except (Unreachable, ConfigError) as error:
        return _away(request, state, target, error)
    response = RedirectResponse(address, status_code=303)
    response.set_cookie(
        COOKIE,
        begun.cookie,
        max_age=LASTS_SECONDS,
        httponly=True,
        samesite="lax",  # strict cookies do not come with what another site leads to
        secure=request.url.scheme == "https",
        path=_PATH,
    )
    return response


@router.get("/sign-in/sso/callback")
def return_from_provider(
    request: Request,
    state: Annotated[State, Depends(state_of)],
    code: Text = "",
    state_: Annotated[str, Query(alias="state", max_length=4_000)] = "",
    iss: Text = "",
    error: Text = "",
    error_description: Text = "",
) -> Response:
    """Sign in whoever the provider vouches for."""
    _settings_on(state)
    begun = read_cookie(request.cookies.get(COOKIE, ""), state.context.clock())
    if begun is None:
        raise SignInRefused(
            tr("No sign-in is under way in this browser, or it took longer than ten minutes."),
            remedy=tr("Go back to the sign-in page and begin once more."),
        )
    returned = Returned(code, state_, iss, error, error_description)
    try:
        session = sign_in_by_provider(
            state.context,
            state.provider,
            begun,
            returned,
            redirect_uri=_callback(request, state),
            address=client_address(request),
        )
    except (Unreachable, AuthFailed, ConfigError) as fault:
        response = _away(request, state, begun.target, fault)
    else:
        response = entered(request, session, begun.target)
    response.delete_cookie(COOKIE, path=_PATH)
    return response


def _settings_on(state: State) -> SsoSettings:
    settings = state.context.settings.sso
    if not settings.is_on:
        raise ApiError(404, "not_found", "Not Found")
    return settings


def _callback(request: Request, state: State) -> str:
    return f"{our_address(request, state)}/sign-in/sso/callback"


def _away(request: Request, state: State, target: str, error: ChurnError) -> Response:
    """Return the form, with what keeps the provider from signing anybody in."""
    state.context.log.note("provider_away", error=error.code, what=error.what, where=error.where)
    others = tr("a password or key") if state.context.settings.sso.passwords else tr("a key")
    what = (
        error.what
        if not isinstance(error, ConfigError)
        else tr("Sign-in is not set up rightly: {what}.", what=error.what)
    )
    wrong = tr(
        "{fault}. {remedy} Meanwhile you can sign in with {others}.",
        fault=recorded(what.rstrip(".")),
        remedy=recorded(error.remedy or ""),
        others=others,
    )
    return sign_in_form(request, state, target, wrong=wrong, status=503)
