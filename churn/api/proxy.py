"""What stands before the service: whose word on address, scheme and host is taken, and the prefix that pages bear."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from fastapi import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_FOR, _PROTO, _HOST = b"x-forwarded-for", b"x-forwarded-proto", b"x-forwarded-host"
_ADDRESSES = re.compile(
    rb'((?:href|src|action|formaction|hx-get|hx-post|hx-put|hx-delete|data-chart|data-drawn-at)=")(/(?!/))'
)
_LED = frozenset({b"location", b"hx-redirect", b"hx-location", b"hx-push-url", b"hx-replace-url"})
_COOKIE_PATH = re.compile(rb"(path=)/", re.IGNORECASE)


def client_address(request: Request) -> str:
    """Return the address of who asks, as far as trusted proxies tell; empty where the way here has none."""
    return request.client.host if request.client else ""


def is_from_this_machine(request: Request) -> bool:
    """Say whether the request comes from this machine itself, and through no proxy that names another address."""
    try:
        return ip_address(client_address(request)).is_loopback
    except ValueError:  # no connection of a network: a socket of this machine, or a caller within this process
        return True


def is_open_to(request: Request, *, chosen: bool | None) -> bool:
    """Say whether what `chosen` opens or closes is open to this request; without a choice it is to this machine."""
    return is_from_this_machine(request) if chosen is None else chosen


def prefix_of(request: Request) -> str:
    """Return [api] root_path, empty without one."""
    prefix: str = request.app.state.root_path
    return prefix


def trusts(proxies: Sequence[str]) -> Callable[[str], bool]:
    """Return the question whether an address is one of `proxies`, addresses or networks."""
    networks = [ip_network(entry, strict=False) for entry in proxies]

    @lru_cache(maxsize=1_024)
    def is_trusted(host: str) -> bool:
        address = _address(host)
        return address is not None and any(address in network for network in networks)

    return is_trusted


class TrustingProxies:
    """Takes address, scheme and host from the headers of proxies that are trusted; from anybody else they count nothing."""

    def __init__(self, app: ASGIApp, trusted: Sequence[str]) -> None:
        self._app = app
        self._is_trusted = trusts(trusted)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        client = scope.get("client")
        if scope["type"] == "http" and client and self._is_trusted(client[0]):
            self._take_over(scope)
        await self._app(scope, receive, send)

    def _take_over(self, scope: Scope) -> None:
        forwarded: dict[bytes, bytes] = {}
        for name, value in scope["headers"]:
            if name.startswith(b"x-forwarded-"):
                forwarded[name] = forwarded[name] + b"," + value if name in forwarded else value
        if not forwarded:
            return
        client = self._nearest_stranger(forwarded.get(_FOR, b""))
        if client is not None:
            scope["client"] = (client, 0)
        scheme = _last(forwarded.get(_PROTO, b""))
        if scheme in {"http", "https"}:
            scope["scheme"] = scheme
        host = _last(forwarded.get(_HOST, b""))
        if host:
            kept = [(name, value) for name, value in scope["headers"] if name != b"host"]
            scope["headers"] = [(b"host", host.encode("latin-1")), *kept]

    def _nearest_stranger(self, forwarded: bytes) -> str | None:
        """Return who spoke to our outermost proxy: what stands further left anybody can have written."""
        nearest = None
        for entry in reversed(forwarded.decode("latin-1").split(",")):
            address = _address(entry.strip())
            if address is None:
                return nearest
            nearest = str(address)
            if not self._is_trusted(nearest):
                return nearest
        return nearest


class Prefixed:
    """Lets the service live below `root_path` (/churn) of a host, whether its proxy strips that or not.

    Pages are written as if they stood at the root: their addresses, redirects and cookies get the prefix on their way out.
    """

    def __init__(self, app: ASGIApp, root_path: str) -> None:
        self._app = app
        self._root = root_path
        self._raw = root_path.encode("ascii")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        path: str = scope["path"]
        if path == self._root or path.startswith(f"{self._root}/"):
            scope["path"] = path[len(self._root) :] or "/"
            scope["raw_path"] = scope.get("raw_path", path.encode())[len(self._raw) :] or b"/"
        start: Message | None = None
        body = bytearray()

        async def sending(message: Message) -> None:
            nonlocal start
            if message["type"] == "http.response.start":
                headers = message["headers"] = [(name, self._led(name, value)) for name, value in message["headers"]]
                if dict(headers).get(b"content-type", b"").startswith(b"text/html"):
                    start = message  # sent with its length, once that is known
                    return
            elif start is not None:
                body.extend(message.get("body", b""))
                if message.get("more_body", False):
                    return
                page = _ADDRESSES.sub(rb"\g<1>" + self._raw + rb"\g<2>", bytes(body))
                if scope["method"] != "HEAD":
                    kept = [(name, value) for name, value in start["headers"] if name != b"content-length"]
                    start["headers"] = [*kept, (b"content-length", str(len(page)).encode())]
                await send(start)
                message = {"type": "http.response.body", "body": page}
            await send(message)

        await self._app(scope, receive, sending)

    def _led(self, name: bytes, value: bytes) -> bytes:
        if name in _LED and value.startswith(b"/") and not value.startswith(b"//"):
            return self._raw + value
        if name == b"set-cookie":
            return _COOKIE_PATH.sub(rb"\g<1>" + self._raw + b"/", value)
        return value


def _last(values: bytes) -> str:
    """Return what the nearest proxy says: it adds at the end."""
    return values.decode("latin-1").rpartition(",")[2].strip()


def _address(text: str) -> IPv4Address | IPv6Address | None:
    """Return an address as proxies write it, with or without a port; None for a name or anything else."""
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text)
    except ValueError:
        return None
    return address.ipv4_mapped or address if isinstance(address, IPv6Address) else address
