"""Remembers for a second which keys are valid, so that a caller's every request does not ask the store."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Final

from churn.accounts.keys import recognise
from churn.store.service_records import ApiKey

if TYPE_CHECKING:
    from churn.store import Store

SECONDS: Final = 1.0  # a revoked key is refused everywhere after so long at the latest
_MOST: Final = 10_000


class Keyring:
    """Keys by the hash of their token: no token is kept. Wrong ones are not remembered: each costs a look."""

    def __init__(self, store: Store, clock: Callable[[], datetime], now: Callable[[], float] = time.monotonic) -> None:
        self._store, self._clock, self._now = store, clock, now
        self._held: dict[bytes, tuple[float, ApiKey]] = {}

    def held(self, token: str) -> ApiKey | None:
        """Return the key that `token` was found to be within the last second, None to have it looked up."""
        found = self._held.get(_digest(token))
        return found[1] if found is not None and self._now() < found[0] else None

    def look_up(self, token: str) -> ApiKey | None:
        """Return the valid key that `token` is, as the store has it now; None for anything else."""
        digest, until = _digest(token), self._now() + SECONDS
        key = recognise(self._store, token, self._clock())
        if key is None:
            self._held.pop(digest, None)
            return None
        if len(self._held) >= _MOST:
            self._held.clear()
        self._held[digest] = (until, key)
        return key


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
