"""The identity provider: its documents and keys, fetched over HTTP and cached, and what its token endpoint answers."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from churn.accounts.sso.refusal import SignInRefused
from churn.config.sso import SsoSettings, is_secure
from churn.crm.reading import TooLarge, TooSlow, read_whole
from churn.errors import AuthFailed, ConfigError, Unreachable

if TYPE_CHECKING:
    import httpx
    from joserfc.jwk import KeySet

WHERE: Final = "[sso] issuer"
ALGORITHMS: Final = (
    "RS256",
    "RS384",
    "RS512",
    "PS256",
    "PS384",
    "PS512",
    "ES256",
    "ES384",
    "ES512",
    "EdDSA",
    "Ed25519",
)
_LASTS: Final = 3600.0  # seconds for which documents and keys are kept
_FETCHES, _WITHIN = 5, 60.0  # keys are fetched again for unknown ones so often within so many seconds, and no more
_MOST_KEYS: Final = 100
_MOST_BYTES: Final = 1024 * 1024


class ProviderDocument(BaseModel):
    """What a provider says of itself at /.well-known/openid-configuration; other members are of no concern here."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str | None = None
    end_session_endpoint: str | None = None
    response_types_supported: list[str] = Field(default=["code"])
    code_challenge_methods_supported: list[str] = Field(default=["S256"])
    id_token_signing_alg_values_supported: list[str] = Field(default=["RS256"])
    token_endpoint_auth_methods_supported: list[str] = Field(default=["client_secret_basic"])
    authorization_response_iss_parameter_supported: bool = False

    @property
    def algorithms(self) -> list[str]:
        """The signatures that are accepted from it: never none, and none that a shared secret makes."""
        return [name for name in ALGORITHMS if name in self.id_token_signing_alg_values_supported]


class TokenAnswer(BaseModel):
    """What the token endpoint answers."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    id_token: str
    access_token: str = ""


class _TokenRefusal(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    error: str = ""
    error_description: str = ""


class _KeyDocument(BaseModel):
    keys: list[dict[str, object]]  # free: each kind of key has members of its own, which joserfc reads


class Provider:
    """Asks the identity provider; documents and keys are cached and shared by all requests."""

    def __init__(
        self,
        settings: SsoSettings,
        *,
        transport: httpx.BaseTransport | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings, self._transport, self._monotonic = settings, transport, monotonic
        self._lock = threading.Lock()
        self._document: tuple[float, ProviderDocument] | None = None
        self._keys: tuple[float, KeySet] | None = None
        self._fetched: deque[float] = deque(maxlen=_FETCHES)

    def document(self) -> ProviderDocument:
        """Return what it says of itself. Raises Unreachable, and ConfigError for documents that do not fit."""
        with self._lock:
            if self._document is None or self._monotonic() >= self._document[0]:
                document = self._read_document()
                self._document = self._monotonic() + _LASTS, document
            return self._document[1]

    def keys(self, *, anew: bool = False) -> KeySet | None:
        """Return the keys that it signs with; `anew` fetches them again, and returns None where that was done too often."""
        document = self.document()
        with self._lock:
            now = self._monotonic()
            if anew:
                if len(self._fetched) == _FETCHES and now - self._fetched[0] < _WITHIN:
                    return None
                self._fetched.append(now)
            if anew or self._keys is None or now >= self._keys[0]:
                self._keys = now + _LASTS, self._read_keys(document.jwks_uri)
            return self._keys[1]

    def exchange(self, code: str, *, verifier: str, redirect_uri: str, secret: str) -> TokenAnswer:
        """Return the tokens for a code. Raises SignInRefused for a code it does not take, AuthFailed for our secret."""
        document = self.document()
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect_uri,
            "code_verifier": verifier,
        }
        is_posted = "client_secret_basic" not in document.token_endpoint_auth_methods_supported
        client_id = self._settings.client_id or ""
        if is_posted or not secret:
            form["client_id"] = client_id
        if is_posted and secret:
            form["client_secret"] = secret
        answer = self._ask("POST", document.token_endpoint, form=form, basic=None if is_posted else (client_id, secret))
        if answer.is_success:
            try:
                return TokenAnswer.model_validate_json(answer.content)
            except ValidationError as error:
                raise SignInRefused(
                    "The identity provider's answer holds no ID token.",
                    where=document.token_endpoint,
                    remedy="The scope `openid` must be allowed for this client there.",
                ) from error
        refusal = _refusal_in(answer)
        words = one_line(refusal.error_description or refusal.error or f"HTTP {answer.status_code}", secret)
        if refusal.error in {"invalid_client", "unauthorized_client"} or answer.status_code in {401, 403}:
            raise AuthFailed(
                f"The identity provider refuses churn itself: {words}",
                where=document.token_endpoint,
                remedy="Whoever runs churn must look at [sso] client_id and the client's secret.",
            )
        if answer.status_code >= 500 or answer.status_code == 429:
            raise Unreachable(
                f"The identity provider is in trouble: {words}",
                where=document.token_endpoint,
                remedy="Try again later.",
            )
        raise SignInRefused(
            f"The identity provider does not take back what it gave: {words}", remedy="Sign in once more."
        )

    def userinfo(self, access_token: str) -> bytes | None:
        """Return what it says of the person, as JSON; None where it has no such endpoint or refuses."""
        endpoint = self.document().userinfo_endpoint
        if endpoint is None or not access_token:
            return None
        answer = self._ask("GET", endpoint, bearer=access_token)
        return answer.content if answer.is_success else None

    def _read_document(self) -> ProviderDocument:
        issuer = self._settings.issuer or ""
        address = f"{issuer.rstrip('/')}/.well-known/openid-configuration"
        answer = self._ask("GET", address)
        try:
            if not answer.is_success:
                raise ValueError(f"HTTP {answer.status_code}")
            document = ProviderDocument.model_validate_json(answer.content)
        except ValueError as error:
            first = error.errors()[0] if isinstance(error, ValidationError) else None
            what = f"{'.'.join(map(str, first['loc'])) or 'document'}: {first['msg']}" if first else str(error)
            if answer.status_code >= 500:
                raise Unreachable(
                    f"The identity provider is in trouble ({what}).", where=WHERE, remedy="Try again later."
                ) from error
            raise ConfigError(
                f"no OpenID Connect provider answers at {address} ({what})",
                where=WHERE,
                remedy="Give the address before /.well-known/openid-configuration.",
            ) from error
        _check(document, issuer)
        return document

    def _read_keys(self, address: str) -> KeySet:
        from joserfc.errors import JoseError
        from joserfc.jwk import KeySet, import_key

        answer = self._ask("GET", address)
        try:
            if not answer.is_success:
                raise ValueError(f"HTTP {answer.status_code}")
            rows = _KeyDocument.model_validate_json(answer.content).keys[:_MOST_KEYS]
        except ValueError as error:
            raise Unreachable(
                "The identity provider does not give its keys.", where=address, remedy="Try again later."
            ) from error
        keys = []
        for row in rows:
            if row.get("kty") == "oct" or row.get("use", "sig") != "sig":
                continue
            try:
                keys.append(import_key(row))  # type: ignore[arg-type]  # checked by what it raises
            except (JoseError, ValueError, TypeError, KeyError):
                continue  # of a kind that we do not know; the key that is needed may be another
        return KeySet(keys)

    def _ask(
        self,
        method: str,
        address: str,
        *,
        form: dict[str, str] | None = None,
        basic: tuple[str, str] | None = None,
        bearer: str | None = None,
    ) -> httpx.Response:
        """Ask and return the answer; redirects are not followed, since they would carry secrets elsewhere."""
        import httpx

        headers = {"Accept": "application/json"}
        if bearer is not None:
            headers["Authorization"] = f"Bearer {bearer}"
        try:
            with httpx.Client(
                timeout=self._settings.timeout_seconds, follow_redirects=False, transport=self._transport
            ) as client:
                request = client.build_request(method, address, data=form, headers=headers)
                signed = httpx.BasicAuth(*basic).auth_flow(request) if basic is not None and basic[1] else None
                answer = read_whole(client, request if signed is None else next(signed))
        except (httpx.HTTPError, httpx.InvalidURL, TooLarge, TooSlow, OSError) as error:
            raise Unreachable(
                f"The identity provider does not answer ({type(error).__name__}).",
                where=address.partition("?")[0],
                remedy="Try again later; whoever runs churn can see more with `churn check`.",
            ) from None  # the cause holds the request, and the request the secret
        if len(answer.content) > _MOST_BYTES:
            raise Unreachable("The identity provider's answer does not end.", where=address, remedy="Try again later.")
        return answer


def _refusal_in(answer: httpx.Response) -> _TokenRefusal:
    try:
        return _TokenRefusal.model_validate_json(answer.content)
    except ValidationError:
        return _TokenRefusal()


def _check(document: ProviderDocument, issuer: str) -> None:
    """Raises ConfigError for a document of another issuer, or with which a sign-in would not be safe."""
    if document.issuer != issuer:
        raise ConfigError(
            f"the provider calls itself {one_line(document.issuer)}, not {issuer}",
            where=WHERE,
            remedy="Write the issuer exactly as the provider does, slash at the end included.",
        )
    named = {
        "authorization_endpoint": document.authorization_endpoint,
        "token_endpoint": document.token_endpoint,
        "jwks_uri": document.jwks_uri,
        "userinfo_endpoint": document.userinfo_endpoint,
        "end_session_endpoint": document.end_session_endpoint,
    }
    for name, address in named.items():
        if address is not None and not is_secure(address):
            raise ConfigError(
                f"the provider's {name} is {one_line(address)}",
                where=WHERE,
                remedy="It must begin with https:// (http:// only on this machine).",
            )
    if not any(set(kind.split()) == {"code"} for kind in document.response_types_supported):
        raise ConfigError("the provider gives no authorization codes", where=WHERE, remedy="Allow the code flow there.")
    if "S256" not in document.code_challenge_methods_supported:
        raise ConfigError("the provider does not take PKCE with S256", where=WHERE, remedy="Allow it there.")
    if not document.algorithms:
        raise ConfigError(
            "the provider signs with nothing that is accepted",
            where=WHERE,
            remedy=f"Use one of {', '.join(ALGORITHMS)}.",
        )


def one_line(text: str, secret: str = "") -> str:
    """Return what somebody else wrote as one line that is not long, without the secret."""
    plain = " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())
    return (plain.replace(secret, "[secret]") if secret else plain)[:300]
