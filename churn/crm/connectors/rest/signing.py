"""Signs requests with an HMAC-SHA256 of what the section names, for APIs that want one beside or in place of a key."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from datetime import UTC
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import httpx

    from churn.config.connectors import RestConnector as Section
    from churn.crm.http import Clock


def signing(settings: Section, secret: Callable[[], str], clock: Clock) -> Callable[[httpx.Request], httpx.Request]:
    """Return what adds the signature and its timestamp to a request."""

    def sign(request: httpx.Request) -> httpx.Request:
        timestamp = str(int(clock().replace(tzinfo=UTC).timestamp()))
        parts = {
            "{method}": request.method.encode(),
            "{path}": request.url.raw_path,
            "{timestamp}": timestamp.encode(),
            "{body}": request.content,
        }
        signature = hmac.new(secret().encode(), _filled(settings.hmac_payload, parts), hashlib.sha256).hexdigest()
        if settings.hmac_timestamp_header:
            request.headers[settings.hmac_timestamp_header] = timestamp
        request.headers[settings.hmac_header] = settings.hmac_format.replace("{signature}", signature)
        return request

    return sign


def _filled(payload: str, parts: dict[str, bytes]) -> bytes:
    """Return the payload with its marks filled in, once each: what is filled in is not looked through for marks."""
    for mark, content in parts.items():
        before, separator, after = payload.partition(mark)
        if separator:
            return _filled(before, parts) + content + _filled(after, parts)
    return payload.encode()
