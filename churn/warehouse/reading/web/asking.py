"""Asks a JSON API for one answer at a time: signed in, paced, patient with what passes, and never deceived by a status."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from time import sleep
from types import TracebackType
from typing import TYPE_CHECKING, Final, NoReturn, Self
from urllib.parse import urlsplit

from churn.config.web import WebSettings
from churn.errors import AuthFailed, ConfigError, ContractBroken, RateLimited, Unreachable
from churn.pace import TokenBucket

if TYPE_CHECKING:
    import httpx

Json = object  # what a service answers is free; `at` looks into it
Parameters = Mapping[str, str | int | float | bool]
_LONGEST_WISH: Final = 900.0  # seconds: a service that asks for more has run out of quota, which is for a person to see
_SHOWN: Final = 200


@dataclass(frozen=True)
class WebAnswer:
    """A service's answer: its JSON, and the address of the next page that its Link header names."""

    body: Json
    next_url: str | None


def at(body: Json, path: str) -> Json:
    """Return what lies at a dotted path, such as `meta.next`; None where there is nothing. "" is the whole."""
    for part in path.split(".") if path else ():
        if isinstance(body, Mapping):
            body = body.get(part)
        else:
            return None
    return body


class WebClient:
    """Asks one service; `where` names it in errors, in which its secret never appears."""

    def __init__(self, name: str, url: str, settings: WebSettings, secret: str | None) -> None:
        """Open the client. Raises ConfigError where a way to sign in is declared and there is no secret."""
        import httpx

        self.where = f"sources.{name}"
        self._settings, self._secret, self._origin = settings, secret or "", _origin(url)
        self._variable = f"CHURN_SOURCE_{name.upper()}_SECRET"
        if settings.auth != "none" and not secret:
            raise ConfigError("no secret to sign in with", where=self.where, remedy=f"Set {self._variable}.")
        self._bucket = TokenBucket(settings.requests_per_second, size=1)
        self._token: str | None = None
        # Redirects are not followed: they would carry the secret elsewhere.
        self._client = httpx.Client(timeout=settings.timeout_seconds, follow_redirects=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._client.close()

    def ask(self, url: str, params: Parameters) -> WebAnswer:
        """Return the answer to a request for `url`.

        What passes is asked again: 429 (after Retry-After), 500 and above, and connections or bodies that break off.
        Raises AuthFailed, RateLimited and Unreachable after the last attempt, and ContractBroken for what is no JSON,
        says that something went wrong, or would send the secret to another host.
        """
        if _origin(url) != self._origin:
            remedy = f"Its pages must lie on {self._origin}; if it moved, write the new `url`."
            raise ContractBroken(f"it sends us to another place, {_origin(url)}", where=self.where, remedy=remedy)
        for attempt in range(1, self._settings.max_attempts + 1):
            try:
                return self._answer(self._request("GET", url, params))
            except (RateLimited, Unreachable) as error:
                wish = error.retry_after if isinstance(error, RateLimited) else None
                if attempt == self._settings.max_attempts or (wish or 0) > _LONGEST_WISH:
                    raise
                sleep(wish if wish is not None else min(self._settings.max_wait_seconds, 2.0 ** (attempt - 1)))
        raise AssertionError  # the last attempt returns or raises

    def _request(self, method: str, url: str, params: Parameters, *, is_again: bool = False) -> httpx.Response:
        response = self._send(method, url, params, self._signed())
        if response.status_code == 401 and self._token is not None and not is_again:
            self._token = None  # it has run out
            return self._request(method, url, params, is_again=True)
        self._refuse(response)
        return response

    def _send(
        self, method: str, url: str, params: Parameters, headers: Mapping[str, str], form: Parameters | None = None
    ) -> httpx.Response:
        import httpx

        sleep(self._bucket.take())
        if self._settings.auth == "key" and self._settings.auth_in == "query":
            params = {**params, self._settings.auth_name: self._secret}
        try:
            # `params` of a request would take away those of the address itself.
            address = httpx.URL(url).copy_merge_params(dict(params))
            return self._client.request(
                method, address, headers=dict(headers), data=None if form is None else dict(form)
            )
        except httpx.HTTPError as error:
            what = (
                "took too long to answer"
                if isinstance(error, httpx.TimeoutException)
                else "does not answer, or broke off"
            )
            remedy = "Try again; what arrived is kept, and a refresh goes on from there."
            raise Unreachable(f"the service {what}", where=self.where, remedy=remedy) from error

    def _signed(self) -> dict[str, str]:
        settings, headers = self._settings, {"accept": "application/json", **self._settings.headers}
        if settings.auth == "bearer":
            headers["authorization"] = f"Bearer {self._secret}"
        elif settings.auth == "basic":
            headers["authorization"] = f"Basic {base64.b64encode(self._secret.encode()).decode()}"
        elif settings.auth == "key" and settings.auth_in == "header":
            headers[settings.auth_name] = self._secret
        elif settings.auth == "client_credentials":
            self._token = self._token or self._fresh_token()
            headers["authorization"] = f"Bearer {self._token}"
        return headers

    def _fresh_token(self) -> str:
        form = {
            "grant_type": "client_credentials",
            "client_id": self._settings.client_id or "",
            "client_secret": self._secret,
        }
        if self._settings.scope:
            form["scope"] = self._settings.scope
        response = self._send("POST", self._settings.token_url or "", {}, {"accept": "application/json"}, form)
        if response.status_code in {400, 401, 403}:
            self._deny(response.status_code)
        self._refuse(response)
        token = at(self._parsed(response), "access_token")
        if not isinstance(token, str):
            raise AuthFailed("the token's address gave none", where=self.where, remedy="Check `token_url` and `scope`.")
        return token

    def _deny(self, status: int) -> NoReturn:
        remedy = f"Check {self._variable}, and what its owner may read."
        raise AuthFailed(f"the service refuses our credentials (HTTP {status})", where=self.where, remedy=remedy)

    def _refuse(self, response: httpx.Response) -> None:
        status = response.status_code
        if status in {401, 403}:
            self._deny(status)
        if status == 429 or (status == 503 and "retry-after" in response.headers):
            raise RateLimited(
                f"the service asks us to slow down (HTTP {status})",
                where=self.where,
                remedy="Lower requests_per_second, or try again later: what arrived is kept.",
                retry_after=_seconds(response.headers.get("retry-after")),
            )
        if status >= 500:
            remedy = "Try again later; what arrived is kept, and a refresh goes on from there."
            raise Unreachable(f"the service is not available (HTTP {status})", where=self.where, remedy=remedy)
        if 300 <= status < 400:
            target = _origin(response.headers.get("location", "")) or "another address"
            remedy = "Write that address as `url`; redirects are not followed, since they would carry the secret along."
            raise ContractBroken(f"the service redirects to {target}", where=self.where, remedy=remedy)
        if status != 200:
            remedy = "Check `url`, `params` and how it pages."
            raise ContractBroken(f"HTTP {status}: {self._shown(response.text)}", where=self.where, remedy=remedy)

    def _answer(self, response: httpx.Response) -> WebAnswer:
        body = self._parsed(response)
        wrong = at(body, self._settings.error_at) if self._settings.error_at else None
        if wrong:
            remedy = "It is what the service says itself; nothing was loaded."
            raise ContractBroken(
                f"the answer tells of an error: {self._shown(str(wrong))}", where=self.where, remedy=remedy
            )
        return WebAnswer(body, response.links.get("next", {}).get("url"))

    def _parsed(self, response: httpx.Response) -> Json:
        kind = response.headers.get("content-type", "nothing").split(";")[0]
        try:
            body: Json = json.loads(response.content, parse_constant=_no_number)
        except ValueError as error:
            if "json" in kind and not response.text.lstrip().startswith("<"):
                remedy = "Try again; what arrived is kept, and a refresh goes on from there."
                raise Unreachable(
                    "the answer breaks off: it is no whole JSON", where=self.where, remedy=remedy
                ) from error
            remedy = "Check `url`: a page to sign in or an error page is answered like this."
            what = f"the answer is {kind}, not JSON: {self._shown(response.text)}"
            raise ContractBroken(what, where=self.where, remedy=remedy) from error
        return body

    def _shown(self, text: str) -> str:
        bare = " ".join(text.split())
        for secret in filter(None, (self._secret, self._token)):
            bare = bare.replace(secret, "[secret]")
        return bare[:_SHOWN]


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}" if parts.netloc else ""


def _seconds(header: str | None) -> float | None:
    """Return the seconds that a Retry-After header asks for, a number or a date; None without one."""
    if not header:
        return None
    try:
        return max(0.0, float(header))
    except ValueError:
        pass
    try:
        then = parsedate_to_datetime(header)
    except ValueError:
        return None
    return max(0.0, (then - datetime.now(UTC if then.tzinfo else None)).total_seconds())
