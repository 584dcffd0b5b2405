"""What a connection may take before there is a request, with real connections."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send

from churn.api.connections import ConnectionLimits, bounded_protocol

pytestmark = pytest.mark.slow  # real sockets

SMALL = ConnectionLimits(head_seconds=0.4, body_seconds=0.4, body_bytes=1_000, whole_body_seconds=1.5)
FEW = ConnectionLimits(per_address=8)
GET = b"GET / HTTP/1.1\r\nHost: here\r\n"


async def _hello(scope: Scope, receive: Receive, send: Send) -> None:
    assert scope["type"] == "http"
    while (message := await receive()).get("more_body"):
        pass
    if message["type"] == "http.disconnect":
        return
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"5")]})
    await send({"type": "http.response.body", "body": b"hello"})


async def _busy(scope: Scope, receive: Receive, send: Send) -> None:
    await asyncio.sleep(1.2)
    await _hello(scope, receive, send)


@contextmanager
def _served(limits: ConnectionLimits, app: ASGIApp = _hello, *, is_exempt: bool = False) -> Iterator[int]:
    protocol = bounded_protocol(lambda _address: is_exempt, limits)
    config = uvicorn.Config(app, http=protocol, lifespan="off", log_config=None, access_log=False)
    server = uvicorn.Server(config)
    listening = socket.create_server(("127.0.0.1", 0))
    thread = threading.Thread(target=asyncio.run, args=(server.serve(sockets=[listening]),))
    thread.start()
    while not server.started:
        time.sleep(0.01)
    try:
        yield listening.getsockname()[1]
    finally:
        server.should_exit = True
        thread.join()
        listening.close()


def _connected(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=30)


def _status(connection: socket.socket) -> str:
    """The status that a connection was answered with; empty where it was closed without a word."""
    answer = b""
    try:
        while not answer.endswith((b"hello", b"content-length: 0\r\n\r\n")) and (part := connection.recv(4_096)):
            answer += part
    except ConnectionResetError:
        return ""
    return answer.split(b" ")[1].decode() if answer else ""


def _asks(port: int) -> str:
    with _connected(port) as connection:
        connection.sendall(GET + b"\r\n")
        return _status(connection)


def test_an_endless_header_is_cut_off_and_nobody_waits_for_it() -> None:
    with _served(ConnectionLimits()) as port, _connected(port) as endless:
        endless.sendall(GET + b"x-endless: ")
        assert _pushed(endless, port) < 20_000_000


def _pushed(endless: socket.socket, port: int, most: int = 20_000_000) -> int:
    """Push bytes until the other side ends it, and ask beside it; return how many went out."""
    sent = 0
    try:
        while sent < most:
            sent += endless.send(b"x" * 65_536)
            began = time.monotonic()
            assert _asks(port) == "200"
            assert time.monotonic() - began < 10  # not for as long as the header goes on
    except OSError:  # reset, or a broken pipe
        return sent
    return sent


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (GET + b"".join(b"x-%d: 1\r\n" % n for n in range(98)) + b"\r\n", "200"),
        (GET + b"".join(b"x-%d: 1\r\n" % n for n in range(120)) + b"\r\n", "431"),
        (GET + b"x: " + b"y" * 40_000 + b"\r\n\r\n", "431"),
        (b"nonsense\r\n\r\n", "400"),
    ],
)
def test_headers_are_bounded_in_number_and_size(head: bytes, status: str) -> None:
    with _served(ConnectionLimits()) as port, _connected(port) as connection:
        connection.sendall(head)
        assert _status(connection) == status


def test_a_body_does_not_count_as_a_header() -> None:
    with _served(ConnectionLimits()) as port, _connected(port) as connection:
        for _ in range(3):  # and a connection is used again
            connection.sendall(b"POST / HTTP/1.1\r\nHost: here\r\ncontent-length: 200000\r\n\r\n" + b"x" * 200_000)
            assert _status(connection) == "200"


@pytest.mark.parametrize("begun", [b"", GET])
def test_who_sends_headers_slowly_is_cut_off(begun: bytes) -> None:
    with _served(SMALL) as port, _connected(port) as slow:
        slow.sendall(begun)
        began = time.monotonic()
        assert _status(slow) == "408"
        assert time.monotonic() - began < 20


def _posted_slowly(port: int, length: int, part: bytes, every: float) -> tuple[str, float]:
    """Send a body of `length` bytes in parts; return the status and after how many seconds the connection ended."""
    began = time.monotonic()
    with _connected(port) as slow:
        slow.sendall(b"POST / HTTP/1.1\r\nHost: here\r\ncontent-length: %d\r\n\r\n" % length)
        try:
            for _ in range(0, length, len(part)):
                slow.sendall(part)
                time.sleep(every)
                if time.monotonic() - began > 25:
                    break
        except OSError:
            pass
        return _status(slow), time.monotonic() - began


def test_who_sends_a_body_byte_by_byte_is_cut_off() -> None:
    with _served(SMALL) as port:
        status, seconds = _posted_slowly(port, 100, b"x", 0.1)
        assert status in {"408", ""}  # "" where a byte was under way: the system then drops what was answered
        assert seconds < 20
        assert _asks(port) == "200"


def test_a_body_that_comes_steadily_is_taken_but_not_for_ever() -> None:
    with _served(ConnectionLimits(body_seconds=10, body_bytes=1_000)) as port:
        assert _posted_slowly(port, 10_000, b"x" * 1_000, 0.05)[0] == "200"
    with _served(SMALL) as port:
        status, seconds = _posted_slowly(port, 1_000_000, b"x" * 1_000, 0.05)
        assert status in {"408", ""}
        assert seconds < 20


def test_a_body_that_the_service_takes_its_time_over_is_not_held_against_its_sender() -> None:
    with _served(SMALL, _busy) as port, _connected(port) as connection:
        connection.sendall(b"POST / HTTP/1.1\r\nHost: here\r\ncontent-length: 400000\r\n\r\n" + b"x" * 400_000)
        assert _status(connection) == "200"


def test_connections_from_one_address_are_bounded_but_for_proxies() -> None:
    with _served(FEW) as port:
        held = [_connected(port) for _ in range(FEW.per_address)]
        for connection in held:  # not half open: each has been answered
            connection.sendall(GET + b"\r\n")
            assert _status(connection) == "200"
        with _connected(port) as another:
            assert _status(another) == "429"
        held.pop().close()
        until = time.monotonic() + 20
        while (status := _asks(port)) == "429" and time.monotonic() < until:
            time.sleep(0.05)  # until the service has seen that one is gone
        assert status == "200"
        for connection in held:
            connection.close()
    with _served(ConnectionLimits(per_address=1), is_exempt=True) as port, _connected(port), _connected(port):
        assert _asks(port) == "200"


def test_of_too_many_half_open_requests_the_oldest_goes() -> None:
    limits = ConnectionLimits(half_open=6)
    with _served(limits) as port:
        held = [_connected(port) for _ in range(limits.half_open + 1)]
        assert _status(held[0]) == "408"
        assert _asks(port) == "200"
        for connection in held:
            connection.close()
