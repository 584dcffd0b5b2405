"""Signs in by OAuth 2.0 client credentials: an id and a secret that last, for a token that ends after an hour or two."""

from __future__ import annotations

from typing import TYPE_CHECKING

from churn.crm.http import unreached
from churn.crm.reading import TooLarge, TooSlow, read_whole
from churn.crm.verdict import json_of
from churn.errors import AuthFailed, Unreachable

if TYPE_CHECKING:
    import httpx


def access_token(
    client: httpx.Client, token_url: str, *, client_id: str, client_secret: str, scope: str = "", where: str
) -> str:
    """Return a fresh access token. Raises AuthFailed when the id or secret is refused, Unreachable without an answer."""
    import httpx

    form = {"grant_type": "client_credentials", "client_id": client_id, "client_secret": client_secret}
    if scope:
        form["scope"] = scope
    try:
        request = client.build_request("POST", token_url, data=form, headers={"Accept": "application/json"})
        answer = read_whole(client, request)
    except (httpx.ConnectError, httpx.ConnectTimeout) as error:
        reason = unreached(error, where)
        raise Unreachable(f"gives no token: {token_url} {reason.what}", where=where, remedy=reason.remedy) from None
    except (httpx.HTTPError, TooLarge, TooSlow) as error:
        raise Unreachable(
            f"gives no token ({type(error).__name__})", where=where, remedy="Look at token_url, or try again later."
        ) from None  # the cause holds the request, and the request the secret
    body = json_of(answer)
    token = body.get("access_token") if isinstance(body, dict) else None
    if answer.is_success and isinstance(token, str) and token:
        return token
    if answer.status_code >= 500 or answer.status_code == 429:
        raise Unreachable(f"gives no token (HTTP {answer.status_code})", where=where, remedy="Try again later.")
    answered = body if isinstance(body, dict) else {}
    words = str(
        answered.get("error_description") or answered.get("error") or f"HTTP {answer.status_code} without a token"
    )
    raise AuthFailed(
        f"does not let client {client_id} in: {' '.join(words.replace(client_secret, '[secret]').split())[:300]}",
        where=where,
        remedy="Look at client_id, token_url and the secret, and whether the application may use client credentials.",
    )
