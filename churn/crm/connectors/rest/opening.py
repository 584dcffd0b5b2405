"""Opens a REST API: how it is signed in to, by which address and secret it is written to, and by which read."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING

from churn.config.connectors import RestConnector as Section
from churn.crm.connectors.rest.connector import RestCrm
from churn.crm.connectors.rest.signing import signing
from churn.crm.http import Credential, Http, open_client
from churn.crm.oauth import access_token
from churn.crm.opening import secret_of
from churn.errors import ConfigError

if TYPE_CHECKING:
    import httpx


def connect(
    name: str,
    settings: Section,
    secrets: Mapping[str, str],
    *,
    clock: Callable[[], datetime],
    client: httpx.Client | None = None,
) -> RestCrm:
    """Return a connection to the system that `settings` describes. Raises ConfigError when the secret is missing."""
    secrets_of(name, settings, secrets)
    opened, where = client or open_client(settings), f"connector {name}"

    def sign_in() -> Credential:
        secret = token = secrets_of(name, settings, secrets)[0]
        if settings.token_url is not None and settings.client_id is not None:
            token = access_token(
                opened,
                settings.token_url,
                client_id=settings.client_id,
                client_secret=secret,
                scope=settings.scope,
                where=where,
            )
        if settings.basic_user:
            token = base64.b64encode(f"{settings.basic_user}:{secret}".encode()).decode()
            return Credential({settings.auth_header: f"Basic {token}"}, (secret, token))
        headers = {settings.auth_header: settings.auth_format.format(secret=token)} if settings.auth_header else {}
        return Credential(headers, (secret, token))

    def sign_in_to_read() -> Credential:
        secret = secrets_of(name, settings, secrets)[1]
        return Credential({settings.auth_header: settings.read_auth_format.format(secret=secret)}, (secret,))

    http = Http(
        opened,
        base_url=settings.url,
        where=where,
        headers=settings.headers,
        clock=clock,
        auth_statuses=tuple(settings.auth_statuses),
        sign_in=sign_in,
        sign=signing(settings, lambda: http.secret, clock) if settings.hmac_header else None,
    )
    if settings.read_url is None:
        return RestCrm(name, settings, http)
    reading = Http(
        opened,
        base_url=settings.read_url,
        where=f"{where}, read_url",
        headers=settings.headers,
        clock=clock,
        auth_statuses=tuple(settings.auth_statuses),
        sign_in=sign_in_to_read,
    )
    return RestCrm(name, settings, http, reading)


def secrets_of(name: str, settings: Section, secrets: Mapping[str, str]) -> tuple[str, str]:
    """Return the secret for writing and the one for reading, which are one unless `read_url` names another API.

    Raises ConfigError where there is none, or one in place of two.
    """
    secret = secret_of(name, secrets)
    if settings.read_url is None:
        return secret, secret
    parts = secret.split()
    if len(parts) != 2:
        raise ConfigError(
            f"its secret holds {len(parts)} in place of two",
            where=f"connector {name}",
            remedy="Write the secret for url and the one for read_url, with a blank between them.",
        )
    return parts[0], parts[1]
