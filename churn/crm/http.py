"""How connectors speak HTTP: paced by a token bucket and a daily budget, with every failure told as one of our errors."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

from churn.errors import AuthFailed, RateLimited, Unreachable
from churn.pace import TokenBucket

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
) -> httpx.Client:
    """Return a client with the section's pace and patience; `spend` counts a request and may refuse it (RateLimited).

    Redirects are not followed, since they would carry secrets elsewhere. Proxies and certificates come from the
    environment, as for every HTTP client.
    """
    import httpx

    rate = settings.requests_per_second
    bucket = TokenBucket(rate, size=rate) if rate else None  # up to one second's worth at once

    def wait_for_turn(_request: httpx.Request) -> None:
        if spend is not None:
            spend()
        if bucket is not None and (seconds := bucket.take()):
            sleep(seconds)

    return httpx.Client(
        timeout=httpx.Timeout(settings.timeout_seconds),
        follow_redirects=False,
        transport=transport,
        event_hooks={"request": [wait_for_turn]},
    )


class Http:
    """Requests to one system. `where` names it in errors; `secret` never appears in them."""

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
    ) -> None:
        self._client, self._base_url, self.clock = client, base_url.rstrip("/"), clock
        self._headers, self._secret = dict(headers or {}), secret
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

        Raises AuthFailed (401, or what `auth_statuses` says), RateLimited (429, with Retry-After), and Unreachable
        (no answer, or 502, 503, 504), with `is_unknown` when a write may have been carried out all the same.
        """
        import httpx

        try:
            response = self._client.request(
                method,
                f"{self._base_url}/{path.lstrip('/')}" if path else self._base_url,
                json=json,
                content=content,
                params=params,
                headers=self._headers | dict(headers or {}),
            )
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            raise Unreachable(
                "does not answer", where=self.where, remedy="Look whether it runs and may be reached from here."
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
        self._refuse(response, is_write=is_write)
        return response

    def _refuse(self, response: httpx.Response, *, is_write: bool) -> None:
        if response.status_code in self._auth_statuses:
            raise AuthFailed(
                f"refuses our credentials (HTTP {response.status_code})",
                where=self.where,
                remedy="Look at the secret in the environment, and at what its owner is allowed to do.",
            )
        if response.status_code == 429:
            raise RateLimited(
                "asks us to slow down (HTTP 429)",
                where=self.where,
                remedy="Lower requests_per_second, or try again later.",
                retry_after=retry_after(response.headers.get("retry-after"), self.clock),
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
        if self._secret:
            words = words.replace(self._secret, "[secret]")
        return words[:MESSAGE_LENGTH]


def retry_after(header: str | None, clock: Clock) -> float | None:
    """Return the seconds that a Retry-After header asks for (a number, or a date of HTTP); None without one."""
    if not header:
        return None
    try:
        return max(0.0, float(header))
    except ValueError:
        pass
    try:
        at = parsedate_to_datetime(header)
    except ValueError:
        return None
    at = at.astimezone(UTC).replace(tzinfo=None) if at.tzinfo else at
    return max(0.0, (at - clock()).total_seconds())
