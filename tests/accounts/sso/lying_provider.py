"""A provider of OpenID Connect on loopback that signs everybody in at once, and lies as it is told to."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import KeySet, OctKey, RSAKey

from tests.web_service import send

CLIENT, SECRET = "churn-pages", "sso-s3cret-word"
Claims = dict[str, Any]  # a token's own members are free


@dataclass
class LyingProvider:
    """What it says. `change` changes the claims of the next tokens, `forge` signs them otherwise."""

    port: int = 0
    person: Claims = field(default_factory=lambda: {"sub": "u-1", "preferred_username": "maria", "groups": ["team"]})
    document: Claims = field(default_factory=dict)
    change: Callable[[Claims], Claims] = lambda claims: claims
    forge: Callable[[Claims], str] | None = None
    key: RSAKey = field(default_factory=lambda: RSAKey.generate_key(2048, {"kid": "first"}))
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    info: Claims | None = None
    status: int = 200

    @property
    def issuer(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def described(self) -> Claims:
        return {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/keys",
            "userinfo_endpoint": f"{self.issuer}/me",
            "end_session_endpoint": f"{self.issuer}/leave",
            "response_types_supported": ["code"],
            "id_token_signing_alg_values_supported": ["RS256", "HS256", "none"],
            **self.document,
        }

    def allow(self, address: str) -> dict[str, str]:
        """Play the person's browser at the authorization endpoint; return what comes back to the application."""
        query = {key: values[0] for key, values in parse_qs(urlsplit(address).query).items()}
        code = f"code-{len(self.codes)}"
        self.codes[code] = query
        return {"code": code, "state": query["state"], "iss": self.issuer}

    def token(self, form: dict[str, str], authorization: str) -> tuple[int, Claims]:
        if authorization != "Basic " + base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode():
            return 401, {"error": "invalid_client"}
        query = self.codes.pop(form.get("code", ""), None)
        if query is None or query["redirect_uri"] != form["redirect_uri"]:
            return 400, {"error": "invalid_grant", "error_description": "no such code"}
        digest = hashlib.sha256(form["code_verifier"].encode()).digest()
        if base64.urlsafe_b64encode(digest).decode().rstrip("=") != query["code_challenge"]:
            return 400, {"error": "invalid_grant", "error_description": "PKCE failed"}
        now = int(time.time())
        claims = {
            "iss": self.issuer,
            "aud": CLIENT,
            "iat": now,
            "exp": now + 60,
            "nonce": query["nonce"],
            **self.person,
        }
        claims = self.change(claims)
        return 200, {"access_token": "access", "token_type": "Bearer", "id_token": (self.forge or self.signed)(claims)}

    def signed(self, claims: Claims) -> str:
        return jwt.encode({"alg": "RS256", "kid": self.key.kid}, claims, self.key)


def unsigned(claims: Claims) -> str:
    """A token that nobody signed."""
    parts = ({"alg": "none", "typ": "JWT"}, claims)
    return ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts) + "."


def signed_by_secret(claims: Claims) -> str:
    """A token that whoever knows the client's secret can make."""
    return jwt.encode({"alg": "HS256", "kid": "first"}, claims, OctKey.import_key(SECRET * 3))


def signed_by_stranger(claims: Claims) -> str:
    """A token under the name of the provider's key, by another key."""
    return jwt.encode({"alg": "RS256", "kid": "first"}, claims, RSAKey.generate_key(2048, {"kid": "first"}))


@contextmanager
def lying() -> Iterator[LyingProvider]:
    """Serve for as long as the block lasts."""
    provider = LyingProvider()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            path = urlsplit(self.path).path
            provider.asked.append(path)
            if provider.status != 200:
                send(self, "<h1>Down</h1>", status=provider.status)
            elif path == "/.well-known/openid-configuration":
                send(self, provider.described())
            elif path == "/keys":
                send(self, KeySet([provider.key]).as_dict(private=False))
            elif path == "/me" and provider.info is not None:
                send(self, provider.info)
            elif path == "/authorize":
                answer = provider.allow(self.path)
                target = parse_qs(urlsplit(self.path).query)["redirect_uri"][0]
                send(self, "on", status=303, headers={"location": f"{target}?{urlencode(answer)}"})
            else:
                send(self, {"error": "no"}, status=404)

        def do_POST(self) -> None:
            provider.asked.append(self.path)
            form = parse_qs(self.rfile.read(int(self.headers["content-length"])).decode())
            plain = {key: values[0] for key, values in form.items()}
            status, body = provider.token(plain, self.headers.get("authorization", ""))
            send(self, body, status=status)

        def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002  # the standard library's name
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    provider.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield provider
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
