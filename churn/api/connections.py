"""Bounds what one connection may take: bytes, number and time of headers, the pace of a body, and connections."""

from __future__ import annotations

import asyncio
from collections import Counter, OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import ClassVar

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol


@dataclass(frozen=True)
class ConnectionLimits:
    """What a connection may take. `half_open` are those of which a request has begun and its headers are not there yet.

    Of a body `body_bytes` must come in each `body_seconds`, and all of it in `whole_body_seconds`.
    """

    head_bytes: int = 32 * 1024
    headers: int = 100
    head_seconds: float = 10.0
    body_seconds: float = 10.0
    body_bytes: int = 5_000
    whole_body_seconds: float = 600.0
    per_address: int = 200
    half_open: int = 200


@dataclass
class _Connections:
    """The connections of one server."""

    limits: ConnectionLimits
    is_exempt: Callable[[str], bool]
    open_from: Counter[str] = field(default_factory=Counter)
    half_open: OrderedDict[BoundedProtocol, asyncio.TimerHandle] = field(default_factory=OrderedDict)


class BoundedProtocol(HttpToolsProtocol):
    """uvicorn's protocol within the limits of `all`, which the connections of one server share."""

    all: ClassVar[_Connections]
    _counted_as: str | None = None
    _is_in_head = True  # a connection that says nothing is half open too
    _head_bytes = 0
    _is_in_body = False
    _body_timer: asyncio.TimerHandle | None = None
    _body_began = 0.0
    _body_bytes = 0  # since the last look
    _refusal = b"400 Bad Request"

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Count the connection, and wait for its first request."""
        super().connection_made(transport)
        address = self.client[0] if self.client else ""
        if address and not self.all.is_exempt(address):
            if self.all.open_from[address] >= self.all.limits.per_address:
                self._refuse(b"429 Too Many Requests")
                return
            self.all.open_from[address] += 1
            self._counted_as = address
        self._wait_for_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Count it no more."""
        self._stop_waiting()
        self._stop_watching()
        if self._counted_as is not None:
            self.all.open_from[self._counted_as] -= 1
            if not self.all.open_from[self._counted_as]:
                del self.all.open_from[self._counted_as]
            self._counted_as = None
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take what came; refuse a head that does not end."""
        if self.transport.is_closing():
            return
        super().data_received(data)
        if self.transport.is_closing():
            return
        if self._is_in_body and self._body_timer is None:  # most bodies come with their headers
            self._body_began, self._body_bytes = self.loop.time(), 0
            self._watch_body()
        if not self._is_in_head:
            return
        self._head_bytes += len(data)
        if self._head_bytes > self.all.limits.head_bytes:
            self._refuse(b"431 Request Header Fields Too Large")
        elif self not in self.all.half_open:
            self._wait_for_head()

    def on_message_begin(self) -> None:
        """Begin a head."""
        self._is_in_head, self._head_bytes = True, 0
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take one header, as long as there are not too many."""
        if len(self.headers) >= self.all.limits.headers or len(name) + len(value) > self.all.limits.head_bytes:
            self._refusal = b"431 Request Header Fields Too Large"
            raise ValueError("too many or too large headers")  # ends the parsing, see send_400_response
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """End the head."""
        self._is_in_head = False
        self._stop_waiting()
        super().on_headers_complete()
        self._is_in_body = True

    def on_body(self, body: bytes) -> None:
        """Take a part of the body."""
        self._body_bytes += len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """End the body, also where there is none."""
        self._is_in_body = False
        self._stop_watching()
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no request, or too much of one."""
        del msg
        self._refuse(self._refusal)

    def _wait_for_head(self) -> None:
        if len(self.all.half_open) >= self.all.limits.half_open:
            oldest: BoundedProtocol = next(iter(self.all.half_open))
            oldest._refuse(b"408 Request Timeout")  # of this very class
        self.all.half_open[self] = self.loop.call_later(
            self.all.limits.head_seconds, self._refuse, b"408 Request Timeout"
        )

    def _stop_waiting(self) -> None:
        timer = self.all.half_open.pop(self, None)
        if timer is not None:
            timer.cancel()

    def _watch_body(self) -> None:
        self._body_timer = self.loop.call_later(self.all.limits.body_seconds, self._look_at_body)

    def _look_at_body(self) -> None:
        limits, taken = self.all.limits, self._body_bytes
        self._body_bytes = 0
        is_ours = self.flow.read_paused or self.cycle.waiting_for_100_continue  # the sender waits for us
        is_late = self.loop.time() - self._body_began > limits.whole_body_seconds
        if is_late or (taken < limits.body_bytes and not is_ours):
            self._refuse(b"408 Request Timeout")
        else:
            self._watch_body()

    def _stop_watching(self) -> None:
        if self._body_timer is not None:
            self._body_timer.cancel()
            self._body_timer = None

    def _refuse(self, status: bytes) -> None:
        self._stop_waiting()
        self._stop_watching()
        if self.transport.is_closing():
            return
        if not (self._is_in_body and self.cycle.response_started):  # or it would be taken for a part of the answer
            self.transport.write(b"HTTP/1.1 " + status + b"\r\nconnection: close\r\ncontent-length: 0\r\n\r\n")
        self.transport.close()


def bounded_protocol(
    is_exempt: Callable[[str], bool] = lambda _address: False, limits: ConnectionLimits | None = None
) -> type[BoundedProtocol]:
    """Return a protocol within `limits` for one server; proxies, which carry everybody's connections, are exempt from one."""
    return type("ServerProtocol", (BoundedProtocol,), {"all": _Connections(limits or ConnectionLimits(), is_exempt)})
