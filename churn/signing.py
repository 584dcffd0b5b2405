"""How everything that we post is signed, so that the receiver can tell that it is ours, fresh, and once."""

from __future__ import annotations

import hashlib
import hmac

SIGNATURE, TIMESTAMP, EVENT_ID = "X-Churn-Signature", "X-Churn-Timestamp", "X-Churn-Event-Id"


def sign(key: bytes, timestamp: str, event_id: str, body: bytes) -> str:
    """Return the signature of one request: HMAC-SHA256 of `timestamp.event_id.body`, in hexadecimal."""
    return hmac.new(key, b".".join((timestamp.encode(), event_id.encode(), body)), hashlib.sha256).hexdigest()


def signed_headers(key: bytes, timestamp: str, event_id: str, body: bytes) -> dict[str, str]:
    """Return the headers of a signed request; `timestamp` in seconds since 1970."""
    return {
        "Content-Type": "application/json",
        TIMESTAMP: timestamp,
        EVENT_ID: event_id,
        SIGNATURE: f"sha256={sign(key, timestamp, event_id, body)}",
    }
