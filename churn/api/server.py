"""Runs the service until it is told to stop; requests at work are finished first."""

from __future__ import annotations

import gc
import socket
import sys
from typing import TYPE_CHECKING

from churn.api.app import create_app
from churn.api.connections import bounded_protocol
from churn.api.proxy import trusts
from churn.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable

    from churn.context import Context

SECONDS_TO_FINISH = 20
SECONDS_IDLE = 75  # longer than proxies keep connections, so that none sends a request on one that we are closing


def serve(context: Context, *, host: str, port: int, announce: Callable[[str], None]) -> None:
    """Serve on `host` and `port` (0 takes a free one), calling `announce` with the address once it listens.

    Raises ConfigError when the address cannot be had.
    """
    import uvicorn

    try:
        listening = socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except (OSError, OverflowError) as error:
        remedy = "Stop what listens there, or choose another --port."
        raise ConfigError(f"cannot listen: {error}", where=f"{host}:{port}", remedy=remedy) from error
    name = f"[{host}]" if ":" in host else host
    with listening:
        config = uvicorn.Config(
            create_app(context, when_warm=_settle),
            loop="uvloop" if sys.platform != "win32" else "asyncio",
            http=bounded_protocol(trusts(context.settings.api.trusted_proxies)),
            log_config=None,  # our own log records each request
            access_log=False,
            server_header=False,
            proxy_headers=False,  # ours tells more, see proxy.py
            timeout_keep_alive=SECONDS_IDLE,
            timeout_graceful_shutdown=SECONDS_TO_FINISH,
        )
        announce(f"http://{name}:{listening.getsockname()[1]}")
        uvicorn.Server(config).run(sockets=[listening])


def _settle() -> None:
    """gc.freeze() the start-up objects so that collections skip them, and collect less often: requests leave few cycles."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 50, 50)
