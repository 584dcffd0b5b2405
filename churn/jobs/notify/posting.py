"""Posts a body to an address, and says in the product's errors why it did not arrive."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from churn.errors import AuthFailed, RateLimited, Unreachable

if TYPE_CHECKING:
    import httpx

_SECONDS: Final = 15.0
_LATER: Final = "It is asked again later."


def post(
    url: str,
    body: bytes,
    headers: Mapping[str, str],
    *,
    where: str,
    remedy: str = "Compare the secret on both sides.",
    client: httpx.Client | None = None,
) -> None:
    """Post `body`; redirects are not followed.

    Raises Unreachable when nobody answers or the answer is not 2xx, RateLimited at 429, AuthFailed at 401 and 403 with
    `remedy`.
    """
    import httpx

    own = client is None
    client = client or httpx.Client(timeout=_SECONDS, follow_redirects=False)
    try:
        with client.stream("POST", url, content=body, headers=dict(headers)) as response:
            pass  # the status tells: what else it says, and how long it takes over that, does not matter
    except httpx.HTTPError as error:
        raise Unreachable(f"does not answer: {type(error).__name__}", where=where, remedy=_LATER) from error
    finally:
        if own:
            client.close()
    if response.status_code in {401, 403}:
        raise AuthFailed(f"refuses what we signed ({response.status_code})", where=where, remedy=remedy)
    if response.status_code == httpx.codes.TOO_MANY_REQUESTS:
        wish = response.headers.get("retry-after", "")
        seconds = float(wish) if wish.isdigit() else None
        raise RateLimited("asks us to slow down", where=where, remedy=_LATER, retry_after=seconds)
    if not response.is_success:
        raise Unreachable(f"answers {response.status_code}", where=where, remedy=_LATER)
