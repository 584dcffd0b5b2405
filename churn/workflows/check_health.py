"""Asks whether the service answers or a scheduler is at work, as an orchestrator does every few seconds."""

from __future__ import annotations

import json
from dataclasses import dataclass
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError
from urllib.request import ProxyHandler, build_opener

from churn.context import Context
from churn.errors import Unreachable


@dataclass(frozen=True)
class Health:
    """What was asked, and what it said."""

    what: str
    details: dict[str, Any]


def service_health(address: str, *, seconds: float) -> Health:
    """Ask the service at `address` (http://host:port) whether it can answer requests.

    Raises Unreachable when nothing answers within `seconds`, or when it says that it is not ready.
    """
    opener = build_opener(ProxyHandler({}))  # never through a proxy: this asks the machine it runs on
    try:
        with opener.open(f"{address}/readyz", timeout=seconds) as answer:
            return Health("service", json.load(answer))
    except HTTPError as error:
        raise Unreachable(f"it answers {error.code}: not ready", where=address, remedy="See its log.") from error
    except (OSError, HTTPException, ValueError) as error:
        reason = getattr(error, "reason", None) or error
        raise Unreachable(
            f"no service answers there: {reason}", where=address, remedy="Start it with `churn serve`."
        ) from error


def scheduler_health(context: Context) -> Health:
    """Say which schedulers gave a sign of life lately. Raises Unreachable when none did."""
    with context.open_store() as store:
        found = store.schedule.workers(context.clock())
    if not found:
        raise Unreachable(
            "no scheduler gave a sign of life lately", where="schedule", remedy="Start one with `churn scheduler`."
        )
    return Health("scheduler", {"schedulers": [{"owner": w.owner, "seen_at": w.seen_at} for w in found]})
