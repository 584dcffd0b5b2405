"""A sign-in on its way: from the page to the provider, and back with a code; nothing of it is kept here but in a cookie."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from pydantic import ValidationError

from churn.accounts.sso.id_token import Claims, verified_claims
from churn.accounts.sso.provider import Provider, one_line
from churn.accounts.sso.refusal import SignInRefused
from churn.config.sso import SsoSettings
from churn.store.service_records import Scope

LASTS_SECONDS: Final = 600
_AGAIN: Final = "Go back to the sign-in page and begin once more."


@dataclass(frozen=True)
class PendingSignIn:
    """A sign-in that began: the browser alone holds `secret`, which state, nonce and PKCE's verifier are made from."""

    secret: str
    target: str
    began: int

    @property
    def cookie(self) -> str:
        """The value of the browser's cookie."""
        target = base64.urlsafe_b64encode(self.target.encode()).decode().rstrip("=")  # cookies quote =
        return f"{self.secret}.{self.began}.{target}"

    @property
    def state(self) -> str:
        """What the provider sends back, so that the answer is known to belong to this browser."""
        return self._derived("state")

    @property
    def nonce(self) -> str:
        """What the ID token must hold."""
        return self._derived("nonce")

    @property
    def verifier(self) -> str:
        """What is shown when the code is exchanged (RFC 7636)."""
        return self._derived("verifier")

    def _derived(self, purpose: str) -> str:
        digest = hmac.new(self.secret.encode(), purpose.encode(), hashlib.sha256).digest()
        return base64.urlsafe_b64encode(digest).decode().rstrip("=")


@dataclass(frozen=True)
class Returned:
    """What the browser brings back from the provider."""

    code: str = ""
    state: str = ""
    issuer: str = ""
    error: str = ""
    error_description: str = ""


@dataclass(frozen=True)
class Identity:
    """A person as the provider knows them, what their groups may do here, and the ID token to sign out with."""

    issuer: str
    subject: str
    names: tuple[str, ...]
    scopes: tuple[Scope, ...]
    groups: tuple[str, ...]
    id_token: str


def begin(target: str, at: datetime) -> PendingSignIn:
    """Return a new sign-in, which leads to `target` in the end."""
    return PendingSignIn(secrets.token_urlsafe(32), target, _epoch(at))


def read_cookie(cookie: str, at: datetime) -> PendingSignIn | None:
    """Return the sign-in that the cookie holds; None for one that is too old or was never one of ours."""
    secret, _, rest = cookie.partition(".")
    began, _, target = rest.partition(".")
    if len(secret) < 32 or not secret.isascii() or not began.isascii() or not began.isdigit() or len(began) > 12:
        return None
    if not 0 <= _epoch(at) - int(began) <= LASTS_SECONDS:
        return None
    try:
        return PendingSignIn(secret, base64.urlsafe_b64decode(target.encode("ascii") + b"==").decode(), int(began))
    except ValueError:  # UnicodeError and binascii.Error are ValueErrors
        return None


def provider_address(provider: Provider, settings: SsoSettings, begun: PendingSignIn, redirect_uri: str) -> str:
    """Return where the browser signs in. Raises Unreachable, ConfigError."""
    from authlib.oauth2.rfc6749.parameters import prepare_grant_uri
    from authlib.oauth2.rfc7636 import create_s256_code_challenge

    return str(
        prepare_grant_uri(
            provider.document().authorization_endpoint,
            settings.client_id,
            "code",
            redirect_uri=redirect_uri,
            scope=" ".join(settings.scopes),
            state=begun.state,
            nonce=begun.nonce,
            code_challenge=create_s256_code_challenge(begun.verifier),
            code_challenge_method="S256",
        )
    )


def finish(
    provider: Provider,
    settings: SsoSettings,
    begun: PendingSignIn,
    returned: Returned,
    *,
    redirect_uri: str,
    secret: str,
    at: datetime,
) -> Identity:
    """Return who came back from the provider. Raises SignInRefused, Unreachable, AuthFailed, ConfigError."""
    if not hmac.compare_digest(returned.state.encode("utf-8", "surrogatepass"), begun.state.encode()):
        raise SignInRefused("This answer does not belong to a sign-in that began in this browser.", remedy=_AGAIN)
    if returned.issuer and returned.issuer != settings.issuer:
        raise SignInRefused("This answer comes from another identity provider.", remedy=_AGAIN)
    if returned.error:
        words = one_line(returned.error_description or returned.error)
        raise SignInRefused(f"The identity provider did not sign you in: {words}", remedy=_AGAIN)
    if not returned.code:
        raise SignInRefused("The identity provider's answer holds no code.", remedy=_AGAIN)
    if provider.document().authorization_response_iss_parameter_supported and not returned.issuer:
        raise SignInRefused("This answer does not say which identity provider it comes from.", remedy=_AGAIN)
    tokens = provider.exchange(returned.code, verifier=begun.verifier, redirect_uri=redirect_uri, secret=secret)
    claims = verified_claims(provider, settings, tokens, nonce=begun.nonce, now=_epoch(at))
    if claims.member(settings.groups_claim) is None or not claims.preferred_username:
        claims = _completed(claims, provider.userinfo(tokens.access_token))
    groups = groups_of(claims, settings.groups_claim)
    names = tuple(
        name for name in (_plain(claims.preferred_username), _plain(claims.email), _plain(claims.sub)) if name
    )
    return Identity(settings.issuer or "", claims.sub, names, scopes_of(groups, settings), groups, tokens.id_token)


def groups_of(claims: Claims, path: str) -> tuple[str, ...]:
    """Return the groups in the claim `path`; none where there is no such claim. Raises SignInRefused for another shape."""
    value = claims.member(path)
    if value is None:
        return ()
    groups = [value] if isinstance(value, str) else value
    if not isinstance(groups, list) or not all(isinstance(group, str) for group in groups):
        raise SignInRefused(
            f"The claim `{path}` does not hold the names of groups.",
            remedy="Whoever runs churn must look at [sso] groups_claim.",
        )
    return tuple(str(group) for group in groups)


def scopes_of(groups: Sequence[str], settings: SsoSettings) -> tuple[Scope, ...]:
    """Return what members of these groups may do, each scope once."""
    scopes = [scope for group in groups for scope in settings.groups.get(group, [])]
    return tuple(dict.fromkeys(scopes or settings.default_scopes))


def _completed(claims: Claims, answer: bytes | None) -> Claims:
    """Return the claims with what the userinfo endpoint adds; what the signed token says stays as it is."""
    if answer is None:
        return claims
    try:
        more = Claims.model_validate_json(answer)
    except ValidationError:
        return claims
    if more.sub != claims.sub:
        raise SignInRefused("The identity provider's answers speak of two different people.", remedy=_AGAIN)
    return Claims.model_validate(more.model_dump() | claims.model_dump(exclude_none=True))


def _plain(name: str | None) -> str:
    stripped = (name or "").strip()
    return stripped if stripped.isprintable() and len(stripped) <= 100 else ""


def _epoch(at: datetime) -> int:
    return int(at.replace(tzinfo=UTC).timestamp())
