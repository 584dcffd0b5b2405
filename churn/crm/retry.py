"""How long to wait for a busy system: what it asks for, else exponentially longer, capped, with a share of chance."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from typing import TypeVar

from churn.config.connectors import ConnectorSection
from churn.errors import RateLimited, Unreachable

T = TypeVar("T")
FIRST_WAIT = 1.0  # seconds
LONGEST_WISH = 900.0  # a system that asks for more has run out of quota, which is for a person to see


class Patience:
    """Counts failures in a row, and waits between them. One success starts the count anew."""

    def __init__(self, settings: ConnectorSection, *, seed: str, sleep: Callable[[float], None] = time.sleep) -> None:
        self._settings, self._seed, self._sleep = settings, seed, sleep
        self._failures = 0
        self.waited = 0.0

    def succeeded(self) -> None:
        """Forget the failures before."""
        self._failures = 0

    def wait(self, error: RateLimited | Unreachable) -> None:
        """Wait before the next attempt; raise `error` when there have been enough, or the system asks for too much.

        Attempts that got somewhere do not count: a system that lets us do five things a minute is slow, not away.
        """
        if error.has_progressed:
            self._failures = 0
        self._failures += 1
        wish = error.retry_after if isinstance(error, RateLimited) else None
        if self._failures >= self._settings.max_attempts or (wish is not None and wish > LONGEST_WISH):
            raise error
        self._pass(wish)

    def pause(self, wish: float | None = None) -> bool:
        """Wait before rows are sent again that the system was too busy for; False when that was often enough.

        `wish` is how long it asks us to wait, in seconds; None when it does not say.
        """
        self._failures += 1
        if self._failures >= self._settings.max_attempts or (wish is not None and wish > LONGEST_WISH):
            return False
        self._pass(wish)
        return True

    def _pass(self, wish: float | None) -> None:
        # Whoever asks for no time at all, and refuses again, is not asked at once.
        seconds = self._backoff() if wish is None or (wish < FIRST_WAIT and self._failures > 1) else wish
        self.waited += seconds
        self._sleep(seconds)

    def _backoff(self) -> float:
        longest: float = min(self._settings.max_wait_seconds, FIRST_WAIT * 2.0 ** (self._failures - 1))
        drawn = hashlib.sha256(f"{self._seed}/{self._failures}".encode()).digest()
        return longest * (0.5 + 0.5 * drawn[0] / 255)

    def call(self, work: Callable[[], T]) -> T:
        """Return what `work` returns, asking again while the system is busy. For reading only.

        It forgives its own failures, not those of writes before: a system that lets us look and never write would
        otherwise keep us for ever.
        """
        before = self._failures
        while True:
            try:
                answer = work()
            except (RateLimited, Unreachable) as error:
                self.wait(error)
            else:
                self._failures = before
                return answer

    def slowed(self, work: Callable[[], T]) -> T:
        """Return what `work` returns, asking again when told to slow down; a system that is down is told at once."""
        while True:
            try:
                return work()
            except RateLimited as error:
                self.wait(error)
