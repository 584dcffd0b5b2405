"""Reads an answer as far as it may go: neither its size, unpacked, nor the time it takes to come is left to the sender."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import httpx

MOST_BYTES = 128 * 1024 * 1024  # of an answer, unpacked; a page of records has some thousand
_TIMES_PATIENT = 10  # the whole answer may take that many times the patience with each part
_PACKED = frozenset({b"content-encoding", b"content-length", b"transfer-encoding"})


class TooLarge(Exception):
    """An answer that does not end within `MOST_BYTES`."""


class TooSlow(Exception):
    """An answer that comes in, and takes too long to."""


def read_whole(
    client: httpx.Client,
    request: httpx.Request,
    *,
    auth: Callable[[httpx.Request], httpx.Request] | None = None,
    monotonic: Callable[[], float] = time.monotonic,
) -> httpx.Response:
    """Send a request and return its answer with its content. Raises TooLarge, TooSlow, and what httpx raises."""
    import httpx

    patience = client.timeout.read
    until = None if patience is None else monotonic() + _TIMES_PATIENT * patience
    response = client.send(request, auth=auth, stream=True) if auth else client.send(request, stream=True)
    try:
        content = bytearray()
        for part in response.iter_bytes():
            content += part
            if len(content) > MOST_BYTES:
                raise TooLarge
            if until is not None and monotonic() > until:
                raise TooSlow
    finally:
        response.close()
    headers = [(name, value) for name, value in response.headers.raw if name.lower() not in _PACKED]
    return httpx.Response(response.status_code, headers=headers, content=bytes(content), request=response.request)
