"""How often a system is asked: evenly spaced, never in a burst, slower after it has told us to wait."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable

_SLOWEST = 0.1  # requests a second
_ONE_SIGNAL = 1.0  # seconds within which several refusals are one: requests that were under way together
_GROWTH = 1.1
_CALM = 10.0  # seconds' worth of accepted requests before the pace grows again


class Pace:
    """Gives requests their turn: `rate` a second at most (None: as they come); a refusal halves it, calm raises it."""

    def __init__(self, rate: float | None, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._most, self._rate, self._monotonic = rate, rate, monotonic
        self._next_at, self._deaf_until = 0.0, 0.0
        self._accepted = 0
        self._recent: deque[float] = deque(maxlen=1_000)
        self._lock = threading.Lock()

    @property
    def rate(self) -> float | None:
        """The requests a second that are let through now; None without a limit."""
        return self._rate

    def take(self) -> float:
        """Take the next turn and return the seconds until it comes."""
        with self._lock:
            now = self._monotonic()
            turn = max(now, self._next_at)
            self._recent.append(turn)
            if self._rate is None:
                return 0.0
            self._next_at = turn + 1.0 / self._rate
            return turn - now

    def refused(self) -> None:
        """Halve the pace: the system has told us to slow down."""
        with self._lock:
            now = self._monotonic()
            if now < self._deaf_until:
                return
            rate = self._rate if self._rate is not None else max(1, sum(at > now - 1.0 for at in self._recent))
            self._rate = max(_SLOWEST, rate / 2)
            self._deaf_until = now + _ONE_SIGNAL
            self._next_at = max(self._next_at, now + 1.0 / self._rate)
            self._accepted = 0

    def accepted(self) -> None:
        """Count a request that was let through; after some seconds of them the pace grows by a tenth."""
        with self._lock:
            if self._rate is None or self._rate == self._most:
                return
            self._accepted += 1
            if self._accepted >= self._rate * _CALM:
                self._accepted = 0
                grown = self._rate * _GROWTH
                self._rate = grown if self._most is None else min(grown, self._most)
