"""Who looks at a page: the session cookie, the scope a page needs, and the token that every form must carry."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Coroutine
from typing import Annotated, Any
from urllib.parse import quote, urlsplit

from fastapi import Depends, Request, Response
from starlette.concurrency import run_in_threadpool

from churn.accounts.sign_in import LONGEST, SignedIn, recognise_session
from churn.api.problems import ApiError
from churn.api.proxy import client_address, prefix_of
from churn.api.state import State, state_of
from churn.languages.words import N_, tr
from churn.store.service_records import Scope

COOKIE = "churn_session"


class SignInNeeded(Exception):
    """Ends a request of somebody who is not signed in; answered with the way to the sign-in page."""


def who(request: Request, state: State) -> SignedIn | None:
    """Return who is signed in, None for nobody; asked once per request."""
    if not hasattr(request.state, "user"):
        secret = request.cookies.get(COOKIE, "")
        request.state.user = recognise_session(state.store, state.context, secret) if secret else None
        if request.state.user is not None:
            request.state.who = request.state.user.name
    user: SignedIn | None = request.state.user
    return user


def signed_in(scope: Scope | None = "read") -> Callable[..., Coroutine[Any, Any, SignedIn]]:
    """Return a dependency: who is signed in, and bears `scope` (None: whichever); what they send must come from one of our forms.

    Raises SignInNeeded, or ApiError 403 for a scope they lack or a form that is not ours.
    """

    async def user(request: Request, state: Annotated[State, Depends(state_of)]) -> SignedIn:
        visitor = await run_in_threadpool(who, request, state)
        if visitor is None:
            raise SignInNeeded
        if request.method not in {"GET", "HEAD"}:
            await check_form(request, visitor.form_token)
        if scope is not None and not visitor.may(scope):
            raise ApiError(
                403,
                "scope_missing",
                tr(
                    "This needs the right to {right}, which {name} does not have.",
                    right=_RIGHTS[scope],
                    name=visitor.name,
                ),
                remedy=tr("Ask whoever runs churn for it, or sign in as somebody who has it."),
            )
        return visitor

    return user


_LARGEST_FIELD = 4_000_000_000  # the limit of the whole body holds for its fields too: ids may be pasted
_RIGHTS: dict[str, str] = {
    "read": N_("read"),
    "simulate": N_("simulate and save simulations"),
    "push": N_("plan campaigns and push them to the CRM"),
    "admin": N_("change models, jobs and keys"),
}


async def check_form(request: Request, expected: str) -> None:
    """Refuse what another site's page sent. Raises ApiError 403."""
    origin, host = request.headers.get("origin"), request.headers.get("host", "")
    if origin is not None and origin != "null" and not _is_same_place(origin, host):
        raise ApiError(
            403,
            "form_not_ours",
            tr(
                "The page was opened at {origin}, but this service was asked for as {host} (header Host).",
                origin=origin,
                host=host,
            ),
            remedy=tr(
                "If that address is ours, its proxy must pass on the header Host, or set "
                "X-Forwarded-Host; then [api] trusted_proxies must name the proxy (this request came "
                "from {address}).",
                address=client_address(request) or tr("here"),
            ),
        )
    sent = request.headers.get("x-csrf-token")
    if sent is None:
        sent = str((await request.form(max_part_size=_LARGEST_FIELD)).get("csrf", ""))
    if not hmac.compare_digest(sent.encode(), expected.encode()):
        raise ApiError(
            403,
            "form_not_ours",
            tr("The form was not sent from this page, or the page had been open for too long."),
            remedy=tr("Go back, reload the page, and send it again."),
        )


def _is_same_place(origin: str, host: str) -> bool:
    """Say whether a browser's Origin is the host that it asked; a port that the scheme implies may be left out."""
    parts = urlsplit(origin)
    implied = {"http": ":80", "https": ":443"}.get(parts.scheme, ":")
    return parts.netloc.removesuffix(implied) == host.removesuffix(implied)


def set_session(request: Request, response: Response, secret: str) -> None:
    """Hand the browser its session: out of reach of scripts and of other sites' forms."""
    response.set_cookie(
        COOKIE,
        secret,
        max_age=int(LONGEST.total_seconds()),
        httponly=True,
        samesite="lax",
        secure=request.url.scheme == "https",
        path="/",
    )


def clear_session(response: Response) -> None:
    """Take the session cookie back."""
    response.delete_cookie(COOKIE, path="/", httponly=True, samesite="lax")


def sign_in_address(request: Request) -> str:
    """Return the sign-in page's address, which leads back to where the request wanted to go."""
    if request.method not in {"GET", "HEAD"} or "hx-request" in request.headers:
        wanted = urlsplit(request.headers.get("hx-current-url") or request.headers.get("referer") or "/")
    else:
        wanted = urlsplit(str(request.url))
    prefix = prefix_of(request)
    path = wanted.path.removeprefix(prefix) if wanted.path.startswith(f"{prefix}/") else wanted.path
    target = path + (f"?{wanted.query}" if wanted.query else "")
    return "/sign-in" if target in {"", "/"} else f"/sign-in?next={quote(target, safe='/')}"


def our_address(request: Request, state: State) -> str:
    """Return where people find this service: as [sso] says, or as this one asked for it; without a slash at the end."""
    configured = state.context.settings.sso.address
    if configured is not None:
        return configured.rstrip("/")
    return f"{request.url.scheme}://{request.headers.get('host', '')}{prefix_of(request)}"


def safe_target(target: str) -> str:
    """Return `target` if it is a path of this service, else the front page: a link must not lead elsewhere after sign-in."""
    is_ours = target.startswith("/") and not target.startswith(("//", "/\\")) and target.isprintable()
    return target if is_ours and not urlsplit(target).netloc and "\\" not in target else "/"
