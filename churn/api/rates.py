"""How often one key may call."""

from __future__ import annotations

import math
import threading

from churn.api.problems import ApiError
from churn.pace import TokenBucket


class Rates:
    """A token bucket for each key: a full one holds a tenth of a minute's requests, so that bursts pass."""

    def __init__(self, per_minute: int) -> None:
        self._per_minute = per_minute
        self._buckets: dict[str, TokenBucket] = {}
        self._lock = threading.Lock()

    def take(self, key_id: str) -> None:
        """Take one request from the key's bucket. Raises ApiError 429 saying when there is one again."""
        seconds = self._bucket(key_id).take_if_there()
        if seconds > 0:
            wait = math.ceil(seconds)
            raise ApiError(
                429,
                "too_many_requests",
                f"The key may make {self._per_minute:,} requests a minute.",
                remedy=f"Try again in {wait} s.",
                headers={"Retry-After": str(wait)},
            )

    def _bucket(self, key_id: str) -> TokenBucket:
        bucket = self._buckets.get(key_id)
        if bucket is None:
            with self._lock:
                bucket = self._buckets.setdefault(key_id, TokenBucket(self._per_minute / 60, self._per_minute / 10))
        return bucket
