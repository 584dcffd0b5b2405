"""Signs out at the provider too (OpenID Connect RP-Initiated Logout)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from churn.accounts.sso.provider import Provider
from churn.context import Context
from churn.errors import ChurnError

if TYPE_CHECKING:
    from churn.accounts.sign_in import SignedIn


def sign_out_address(context: Context, provider: Provider, user: SignedIn, *, back_to: str) -> str | None:
    """Return where the browser signs out at the provider; None where there is no such place, or nobody to ask for it."""
    from authlib.common.urls import add_params_to_uri

    if user.kind != "sso":
        return None
    try:
        endpoint = provider.document().end_session_endpoint
    except ChurnError:  # signing out here must work while the provider is away
        return None
    if endpoint is None:
        return None
    with context.open_store() as store:
        session = store.sessions.find(user.session_hash)
    params = [("client_id", context.settings.sso.client_id), ("post_logout_redirect_uri", back_to)]
    if session is not None and session.id_token:
        params.insert(0, ("id_token_hint", session.id_token))
    return str(add_params_to_uri(endpoint, params))
