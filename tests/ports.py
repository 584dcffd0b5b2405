"""A port of this machine for a server that a test starts."""

from __future__ import annotations

import socket
from random import SystemRandom

_random = SystemRandom()  # all workers seed the other one alike, and would choose the same ports


def free_port() -> int:
    """Return a port of loopback that nobody listens on.

    It lies below those from which the kernel gives each outgoing connection one: such a connection could take it before
    the server does, or while a server is down that comes back at the same port.
    """
    while True:
        port = _random.randrange(12_000, 32_000)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
