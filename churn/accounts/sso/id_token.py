"""Verifies an ID token: who signed it, for whom, for which sign-in, and until when (OpenID Connect Core, 3.1.3.7)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pydantic import BaseModel, ConfigDict, JsonValue

from churn.accounts.sso.provider import Provider, TokenAnswer
from churn.accounts.sso.refusal import SignInRefused
from churn.config.sso import SsoSettings

if TYPE_CHECKING:
    from joserfc.jwk import KeySet

_LONGEST: Final = 64 * 1024
_REASONS: Final = {
    "iss": "it comes from another issuer",
    "aud": "it was made for another application",
    "azp": "it was made for another application",
    "nonce": "it belongs to another sign-in",
    "exp": "it has run out",
    "iat": "it is dated in the future: the clocks differ",
    "nbf": "it is dated in the future: the clocks differ",
    "sub": "it names nobody",
    "at_hash": "it does not belong to the access token beside it",
}


class Claims(BaseModel):
    """What a provider says of a person. Further members are free: which one holds the groups is configured."""

    model_config = ConfigDict(frozen=True, extra="allow", hide_input_in_errors=True)

    sub: str
    preferred_username: str | None = None
    email: str | None = None

    def member(self, path: str) -> JsonValue:
        """Return the member `path`, or `b` within `a` for `a.b`; None where there is none."""
        members: JsonValue = self.model_dump(mode="json")
        if isinstance(members, dict) and path in members:
            return members[path]
        for part in path.split("."):
            members = members.get(part) if isinstance(members, dict) else None
        return members


def verified_claims(provider: Provider, settings: SsoSettings, tokens: TokenAnswer, *, nonce: str, now: int) -> Claims:
    """Return the claims of a valid ID token. Raises SignInRefused, and Unreachable when the keys cannot be had."""
    from joserfc.errors import BadSignatureError, InvalidKeyIdError, JoseError

    if len(tokens.id_token) > _LONGEST:
        raise _refused("it is too long")
    try:
        keys = provider.keys()
        try:
            return _verified(provider, settings, tokens, keys, nonce=nonce, now=now)
        except (InvalidKeyIdError, BadSignatureError):
            keys = provider.keys(anew=True)  # it may sign with a new key
            if keys is None:
                raise
            return _verified(provider, settings, tokens, keys, nonce=nonce, now=now)
    except JoseError as error:
        claim = str(getattr(error, "claim", "") or "").partition(",")[0]
        if isinstance(error, InvalidKeyIdError | BadSignatureError):
            raise _refused("the provider's keys do not verify its signature") from error
        raise _refused(
            _REASONS.get(claim, f"{error.error.replace('_', ' ')}{f': {claim}' if claim else ''}")
        ) from error
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError) as error:
        raise _refused("it cannot be read") from error


def _verified(
    provider: Provider, settings: SsoSettings, tokens: TokenAnswer, keys: KeySet | None, *, nonce: str, now: int
) -> Claims:
    from authlib.oidc.core import CodeIDToken
    from joserfc import jwt

    if keys is None:
        raise ValueError("no keys")
    decoded = jwt.decode(tokens.id_token, keys, algorithms=provider.document().algorithms)
    options = {
        "iss": {"essential": True, "value": settings.issuer},
        "aud": {"essential": True, "value": settings.client_id},
        "sub": {"essential": True},
        "nonce": {"essential": True, "value": nonce},
    }
    params = {"nonce": nonce, "client_id": settings.client_id, "access_token": tokens.access_token}
    claims = CodeIDToken(decoded.claims, decoded.header, options, params)
    claims.validate(now=now, leeway=settings.clock_skew_seconds)
    return Claims.model_validate(decoded.claims)


def _refused(reason: str) -> SignInRefused:
    return SignInRefused(
        f"The identity provider's ID token is not valid: {reason}.",
        remedy="Sign in once more; if it happens again, tell whoever runs churn.",
    )
