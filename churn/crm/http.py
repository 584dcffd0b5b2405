"""How connectors speak HTTP: paced, within a daily budget, with every failure told as one of our errors."""

from __future__ import annotations

import math
import re
import socket
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

from churn import tracing
from churn.crm.pace import Pace
from churn.crm.reading import MOST_BYTES, TooLarge, TooSlow, read_whole
from churn.errors import AuthFailed, RateLimited, Unreachable

if TYPE_CHECKING:
    import httpx

    from churn.config.connectors import ConnectorSection

Clock = Callable[[], datetime]
MESSAGE_LENGTH = 500


def open_client(
    settings: ConnectorSection,
    *,
    spend: Callable[[], None] | None = None,
    transport: httpx.BaseTransport | None = None,
    sleep: Callable[[float], None] = time.sleep,
    monotonic: Callable[[], float] = time.monotonic,
) -> httpx.Client:
    """Return a client with the section's pace and patience; `spend` counts a request and may refuse it (RateLimited).

    Redirects are not followed, since they would carry secrets elsewhere. Proxies and certificates come from the
    environment, as for every HTTP client.
    """
    import httpx

    pace = Pace(settings.requests_per_second, monotonic=monotonic)

    def wait_for_turn(_request: httpx.Request) -> None:
        if spend is not None:
            spend()
        if seconds := pace.take():
            sleep(seconds)

    def mind_refusals(response: httpx.Response) -> None:
        if asks_to_wait(response):
            pace.refused()
        else:
            pace.accepted()

    return httpx.Client(
        timeout=httpx.Timeout(settings.timeout_seconds),
        follow_redirects=False,
        transport=transport,
        event_hooks={"request": [wait_for_turn], "response": [mind_refusals]},
    )


@dataclass(frozen=True)
class _Request:
    method: str
    path: str
    json: Any
    content: bytes | str | None
    params: Mapping[str, Any] | None
    headers: Mapping[str, str] | None


@dataclass(frozen=True)
class Credential:
    """The headers that sign us in, and the words that no message may repeat."""

    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    secrets: tuple[str, ...] = field(default=(), repr=False)


Sign = Callable[["httpx.Request"], "httpx.Request"]


class Http:
    """Requests to one system. `where` names it in errors; `secret` never appears in them.

    `sign_in` returns a fresh credential: it is asked before the first request, and once more when one is refused, since
    tokens end after hours and secrets are changed. `sign` adds a signature to every request.
    """

    def __init__(
        self,
        client: httpx.Client,
        *,
        base_url: str,
        where: str,
        secret: str = "",
        headers: Mapping[str, str] | None = None,
        clock: Clock,
        auth_statuses: tuple[int, ...] = (401,),
        sign_in: Callable[[], Credential] | None = None,
        sign: Sign | None = None,
    ) -> None:
        self._client, self._base_url, self.clock = client, base_url.rstrip("/"), clock
        self._headers, self._secrets = dict(headers or {}), (secret,) if secret else ()
        self._sign_in, self._sign, self._credential = sign_in, sign, Credential()
        self._lock = threading.Lock()
        self.where, self._auth_statuses = where, auth_statuses

    def __repr__(self) -> str:
        return f"Http({self.where!r})"

    def send(
        self,
        method: str,
        path: str,
        *,
        json: Any = None,
        content: bytes | str | None = None,
        params: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        is_write: bool = False,
    ) -> httpx.Response:
        """Return the answer to one request, whatever its status but those told as errors.

        Raises RateLimited (429, or a 503 or 403 that says how long to wait), AuthFailed (401, or what `auth_statuses`
        says), and Unreachable (no answer, or 502, 503, 504), with `is_unknown` when a write may have been carried out
        all the same.
        """
        used = self._signed_in()
        request = _Request(method, path, json, content, params, headers)
        try:
            return self._send(request, is_write=is_write)
        except AuthFailed:
            if not self._renewed(used):
                raise
        return self._send(request, is_write=is_write)

    def _signed_in(self) -> Credential:
        with self._lock:
            if self._sign_in is not None and not self._credential.secrets:
                self._credential = self._sign_in()
            return self._credential

    @property
    def secret(self) -> str:
        """The secret in use, for those who put it elsewhere than into a header; empty without `sign_in`."""
        secrets = self._signed_in().secrets
        return secrets[0] if secrets else ""

    def renew(self, used: str) -> bool:
        """Sign in anew after `used` was refused; return whether there is another secret now."""
        credential = self._signed_in()
        return credential.secrets[:1] != (used,) or self._renewed(credential)

    def _renewed(self, used: Credential) -> bool:
        """Sign in anew; return whether there is another credential than the one that was refused."""
        if self._sign_in is None:
            return False
        with self._lock:
            if self._credential is used:
                self._credential = self._sign_in()
            return self._credential != used

    def _send(self, request: _Request, *, is_write: bool) -> httpx.Response:
        # Neither path nor query, since they hold customers' keys.
        with tracing.span(f"crm {request.method}", **{"http.request.method": request.method, "peer": self.where}):
            return self._sent(request, is_write=is_write)

    def _sent(self, request: _Request, *, is_write: bool) -> httpx.Response:
        import httpx

        path = request.path
        try:
            built = self._client.build_request(
                request.method,
                f"{self._base_url}/{path.lstrip('/')}" if path else self._base_url,
                json=request.json,
                content=request.content,
                params=request.params,
                headers={**self._headers, **self._credential.headers, **dict(request.headers or {})},
            )
            response = read_whole(self._client, built, auth=self._sign)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            raise unreached(error, self.where) from error
        except TooLarge as error:
            raise Unreachable(
                f"answers {request.method} {path.partition('?')[0]} with more than {MOST_BYTES // 2**20} MB",
                where=self.where,
                remedy="Look at its paths and the size of its pages in churn.toml.",
                is_unknown=is_write,
            ) from error
        except TooSlow as error:
            raise Unreachable(
                "sends its answer too slowly", where=self.where, remedy="Try again later.", is_unknown=is_write
            ) from error
        except httpx.TimeoutException as error:
            raise Unreachable(
                "took too long to answer",
                where=self.where,
                remedy="Try again, or raise timeout_seconds.",
                is_unknown=is_write,
            ) from error
        except httpx.HTTPError as error:
            raise Unreachable(
                f"the connection broke ({type(error).__name__})",
                where=self.where,
                remedy="Try again.",
                is_unknown=is_write,
            ) from error
        tracing.annotate({"http.response.status_code": response.status_code})
        self._refuse(response, is_write=is_write)
        return response

    def _refuse(self, response: httpx.Response, *, is_write: bool) -> None:
        if asks_to_wait(response):
            seconds = wait_asked(response, self.clock)
            raise RateLimited(
                f"asks us to slow down (HTTP {response.status_code}){_for(seconds)}",
                where=self.where,
                remedy="Lower requests_per_second, or try again later.",
                retry_after=seconds,
            )
        if response.status_code in self._auth_statuses:
            raise AuthFailed(
                f"refuses our credentials (HTTP {response.status_code})",
                where=self.where,
                remedy="Look at the secret in the environment, and at what its owner is allowed to do.",
            )
        if response.status_code in {502, 503, 504}:
            raise Unreachable(
                f"is not available (HTTP {response.status_code})",
                where=self.where,
                remedy="Try again later.",
                # A gateway may give up on a request that the system behind it still carries out.
                is_unknown=is_write and response.status_code != 503,
            )

    def close(self) -> None:
        """Close the client and its connections."""
        self._client.close()

    def clean(self, text: object) -> str:
        """Return the system's own words, short, on one line and without the secret."""
        words = " ".join(str(text).split())
        for secret in (*self._secrets, *self._credential.secrets):
            words = words.replace(secret, "[secret]")
        return words[:MESSAGE_LENGTH]


def unreached(error: httpx.TransportError, where: str) -> Unreachable:
    """Return the error for a system that no connection could be made to, with the reason where one is known."""
    causes: list[BaseException] = [error]
    while (cause := causes[-1].__cause__ or causes[-1].__context__) is not None and cause not in causes:
        causes.append(cause)
    for cause in causes:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return Unreachable(
                f"has a certificate that is not valid here: {cause.verify_message}",
                where=where,
                remedy="Mend it there; name a company's own authority in SSL_CERT_FILE.",
            )
        if isinstance(cause, ssl.SSLError):
            return Unreachable(
                f"does not speak TLS with us ({cause.reason or 'no reason'})",
                where=where,
                remedy="Look at its url: https and port.",
            )
        if isinstance(cause, socket.gaierror):
            return Unreachable(
                "has a name that leads to no address", where=where, remedy="Look at its url, and at this machine's DNS."
            )
    return Unreachable("does not answer", where=where, remedy="Look whether it runs and may be reached from here.")


_TELLING = 60.0  # a wait from here on is told


def _for(seconds: float | None) -> str:
    if seconds is None or seconds < _TELLING:
        return ""
    for unit, length in (("days", 86_400), ("hours", 3_600)):
        if seconds >= 2 * length:
            return f" for {seconds / length:,.0f} {unit}"
    return f" for {seconds / 60:,.0f} minutes"


_RESETS = ("ratelimit-reset", "x-ratelimit-reset", "x-rate-limit-reset")
_REMAINING = ("ratelimit-remaining", "x-ratelimit-remaining", "x-rate-limit-remaining")
_EPOCH = 1_000_000_000.0  # larger numbers are instants, not 30 years of waiting
_EPOCH_MILLISECONDS = _EPOCH * 1_000


def asks_to_wait(response: httpx.Response) -> bool:
    """Return whether an answer only tells us to wait: a 429, or a 503 or 403 that says for how long."""
    if response.status_code == 429:
        return True
    if response.status_code not in {403, 503}:
        return False
    headers = response.headers
    return bool(headers.get("retry-after")) or any(headers.get(name, "").strip() == "0" for name in _REMAINING)


def wait_asked(response: httpx.Response, clock: Clock) -> float | None:
    """Return the seconds that an answer asks us to wait; None when it does not say, or says what nobody understands."""
    headers = response.headers
    seconds = retry_after(headers.get("retry-after"), clock)
    for name in _RESETS:
        if seconds is None:
            seconds = retry_after(headers.get(name), clock)
    if seconds is None and (named := re.search(r"\b(?:reset|t)=(\d+)", headers.get("ratelimit", ""))):
        seconds = float(named[1])
    return seconds


def retry_after(header: str | None, clock: Clock) -> float | None:
    """Return the seconds until what a header names: seconds, an instant since 1970, or a date of HTTP; else None."""
    if not header:
        return None
    try:
        number = float(header)
    except ValueError:
        return _until_date(header, clock)
    if not math.isfinite(number):
        return None
    if number >= _EPOCH:
        number = number / 1_000 if number >= _EPOCH_MILLISECONDS else number
        number -= clock().replace(tzinfo=UTC).timestamp()
    return max(0.0, number)


def _until_date(text: str, clock: Clock) -> float | None:
    try:
        at = parsedate_to_datetime(text)
        return max(0.0, (_plain(at) - clock()).total_seconds())
    except (ValueError, TypeError, IndexError, OverflowError):  # what a hostile date may be
        return None


def _plain(at: datetime) -> datetime:
    return at.astimezone(UTC).replace(tzinfo=None) if at.tzinfo else at
