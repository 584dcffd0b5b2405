"""How often one key may call: a token bucket each."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from churn.api.problems import ApiError


@dataclass
class _Bucket:
    tokens: float
    filled_at: float


@dataclass
class Rates:
    """A token bucket for each key: a full one holds a tenth of a minute's requests, so that bursts pass."""

    per_minute: int
    now: Callable[[], float] = time.monotonic
    _buckets: dict[str, _Bucket] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, key_id: str) -> None:
        """Take one request from the key's bucket. Raises ApiError 429 saying when there is one again."""
        room, rate = max(1.0, self.per_minute / 10), self.per_minute / 60
        with self._lock:
            now = self.now()
            bucket = self._buckets.setdefault(key_id, _Bucket(room, now))
            bucket.tokens = min(room, bucket.tokens + (now - bucket.filled_at) * rate)
            bucket.filled_at = now
            if bucket.tokens >= 1:
                bucket.tokens -= 1
                return
            wait = math.ceil((1 - bucket.tokens) / rate)
        raise ApiError(
            429,
            "too_many_requests",
            f"The key may make {self.per_minute:,} requests a minute.",
            remedy=f"Try again in {wait} s.",
            headers={"Retry-After": str(wait)},
        )
