"""Which language a page speaks: the person's own choice, else what the browser prefers of those that there are."""

from __future__ import annotations

from http.cookies import CookieError, SimpleCookie
from typing import TYPE_CHECKING, Final

from churn.languages.catalogue import ENGLISH, languages
from churn.languages.words import speak

if TYPE_CHECKING:
    from fastapi import Request, Response
    from starlette.types import ASGIApp, Receive, Scope, Send

COOKIE: Final = "churn_language"
FOR_PROGRAMS: Final = ("/v1/", "/healthz", "/readyz", "/metrics", "/openapi.json", "/static/")
_FILES: Final = (".csv", ".xlsx", ".json")  # what other programs read on: the same for everybody


class Speaking:
    """An ASGI layer that sets the language of each request; what programs ask for speaks English."""

    def __init__(self, app: ASGIApp, root_path: str = "") -> None:
        self._app = app
        self._root_path = root_path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "http":
            path = scope["path"].removeprefix(self._root_path)
            is_page = not path.startswith(FOR_PROGRAMS) and not path.endswith(_FILES)
            speak(_language_of(scope) if is_page else ENGLISH)
        await self._app(scope, receive, send)


def keep_language(request: Request, response: Response, code: str) -> None:
    """Hand the browser the language that was chosen, for a year."""
    is_secure = request.url.scheme == "https"
    response.set_cookie(COOKIE, code, max_age=365 * 86_400, httponly=True, samesite="lax", secure=is_secure, path="/")


def forget_language(response: Response) -> None:
    """Take the choice back."""
    response.delete_cookie(COOKIE, path="/", httponly=True, samesite="lax")


def own_name(code: str) -> str:
    """Return what a language calls itself: `Deutsch`."""
    from babel import Locale

    name = Locale.parse(code).display_name or code
    return name[:1].upper() + name[1:]


def _language_of(scope: Scope) -> str:
    accepted = ""
    for name, value in scope["headers"]:
        if name == b"cookie" and COOKIE.encode() in value:
            chosen = _chosen(value.decode("latin-1"))
            if chosen in languages():
                return chosen
        elif name == b"accept-language":
            accepted = value.decode("latin-1")
    return preferred(accepted)


def preferred(accepted: str) -> str:
    """Return which of the languages that there are an Accept-Language header likes best; English where it names none."""
    wishes: list[tuple[float, str]] = []
    for part in accepted.split(","):
        tag, _, quality = part.partition(";")
        code = tag.strip().partition("-")[0].lower()
        try:
            weight = float(quality.strip().removeprefix("q=") or 1)
        except ValueError:
            continue
        if weight > 0 and code in languages():
            wishes.append((-weight, code))
    return min(wishes, key=lambda wish: wish[0])[1] if wishes else ENGLISH


def _chosen(cookies: str) -> str:
    try:
        morsel = SimpleCookie(cookies).get(COOKIE)
    except CookieError:
        return ""
    return morsel.value if morsel else ""
