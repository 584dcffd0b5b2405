"""How often something may happen: a token bucket."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable


class TokenBucket:
    """Gives out `rate` tokens a second, and up to `size` at once after a pause; shared by all threads."""

    def __init__(self, rate: float, size: float, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._rate, self._size = rate, max(1.0, size)
        self._tokens, self._monotonic = self._size, monotonic
        self._filled_at, self._lock = monotonic(), threading.Lock()

    def take(self) -> float:
        """Take a token, on credit if there is none; return the seconds to wait until it may be used."""
        with self._lock:
            self._fill()
            self._tokens -= 1
            return max(0.0, -self._tokens / self._rate)

    def take_if_there(self) -> float:
        """Take a token if there is one and return 0; otherwise return the seconds until there is one again."""
        with self._lock:
            self._fill()
            if self._tokens < 1:
                return (1 - self._tokens) / self._rate
            self._tokens -= 1
            return 0.0

    def _fill(self) -> None:
        now = self._monotonic()
        self._tokens = min(self._size, self._tokens + (now - self._filled_at) * self._rate)
        self._filled_at = now
