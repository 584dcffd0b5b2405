"""Errors as pages: what happened and what to do, in words, for people; programs get their problem documents."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import FastAPI, Request, Response
from fastapi.responses import RedirectResponse

from churn.api.pages.frame import fragment, page
from churn.api.pages.language import FOR_PROGRAMS
from churn.api.pages.session import SignInNeeded, sign_in_address, who
from churn.errors import ChurnError
from churn.languages.words import N_, tr

if TYPE_CHECKING:
    from collections.abc import Mapping

_TITLES = {
    403: N_("You may not do this"),
    404: N_("This page does not exist"),
    409: N_("Not possible as things stand"),
    413: N_("That is too large"),
    422: N_("Something in that request is not right"),
    429: N_("Too many attempts"),
    500: N_("Something went wrong on our side"),
    503: N_("Busy for a moment"),
    507: N_("The disk is full"),
}
_HEADINGS = {"sign_in_refused": N_("You are not signed in"), "passwords_off": N_("You are not signed in")}
# Replaces the message of some errors on pages: a heading, and what it means for the reader.
_FOR_PEOPLE = {
    "store_away": (
        N_("The database does not answer"),
        N_("churn keeps its lists, plans and jobs there. Nothing is lost: pages work again as soon as it is back."),
    ),
    "store_busy": (
        N_("Busy for a moment"),
        N_("Something else is being written right now. Try again in a few seconds."),
    ),
}


def install(app: FastAPI) -> None:
    """Answer errors of pages with pages; everything else keeps its problem documents."""
    app.state.error_page = error_page

    @app.exception_handler(SignInNeeded)
    def _sign_in(request: Request, _error: SignInNeeded) -> Response:
        target = sign_in_address(request)
        if "hx-request" in request.headers:
            return Response(status_code=401, headers={"HX-Redirect": target})
        return RedirectResponse(target, status_code=303)


def error_page(
    request: Request,
    status: int,
    detail: str,
    *,
    code: str = "",
    where: str | None = None,
    remedy: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response | None:
    """Return the error as a page, or as a notice for htmx; None where a program asked."""
    is_partial = "hx-request" in request.headers
    is_for_person = is_partial or "text/html" in request.headers.get("accept", "")
    if not is_for_person or request.url.path.startswith(FOR_PROGRAMS):
        return None
    try:
        who(request, request.app.churn)
    except ChurnError:  # the store is unavailable, which may be the very error shown
        request.state.user = None
    title = _HEADINGS.get(code) or _TITLES.get(status, tr("That did not work"))
    heading, words = _FOR_PEOPLE.get(code, (title, detail))
    values: dict[str, str | int | None] = {
        "status_code": status,
        "heading": heading,
        "detail": None if status == 404 and detail == "Not Found" else words,
        "again": str(request.url.path) if status == 503 and request.method == "GET" else None,
        "where": where,
        "remedy": remedy,
        "request_id": getattr(request.state, "request_id", ""),
    }
    if is_partial:
        answer = fragment(request, "errors/notice.html.j2", status=status, **values)
    else:
        answer = page(request, "errors/error.html.j2", title=heading, active="", status=status, **values)
    answer.headers.update(headers or {})
    return answer
