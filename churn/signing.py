"""How everything that we post is signed, so that the receiver can tell that it is ours, fresh, and once.

The headers of Standard Webhooks, which receivers verify with a library, stand beside headers of our own that were there
before. A secret may be two, the new one first, for as long as receivers change over: both sign.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac

SIGNATURE, TIMESTAMP, EVENT_ID = "X-Churn-Signature", "X-Churn-Timestamp", "X-Churn-Event-Id"
STANDARD_ID, STANDARD_TIMESTAMP, STANDARD_SIGNATURE = "webhook-id", "webhook-timestamp", "webhook-signature"
_PREFIX = "whsec_"  # of a secret that is written as base64


def sign(key: bytes, timestamp: str, event_id: str, body: bytes) -> str:
    """Return our own signature of one request: HMAC-SHA256 of `timestamp.event_id.body`, in hexadecimal."""
    return hmac.new(key, b".".join((timestamp.encode(), event_id.encode(), body)), hashlib.sha256).hexdigest()


def sign_standard(key: bytes, timestamp: str, event_id: str, body: bytes) -> str:
    """Return the signature of Standard Webhooks: `v1,` and HMAC-SHA256 of `event_id.timestamp.body`, in base64."""
    signed = b".".join((event_id.encode(), timestamp.encode(), body))
    return f"v1,{base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()}"


def signed_headers(secret: str, timestamp: str, event_id: str, body: bytes) -> dict[str, str]:
    """Return the headers of a signed request; `timestamp` in seconds since 1970.

    `secret` may hold several, parted by a space: each signs as Standard Webhooks has it, the first for our own header.
    """
    secrets = secret.split() or [secret]
    return {
        "Content-Type": "application/json",
        TIMESTAMP: timestamp,
        EVENT_ID: event_id,
        SIGNATURE: f"sha256={sign(secrets[0].encode(), timestamp, event_id, body)}",
        STANDARD_ID: event_id,
        STANDARD_TIMESTAMP: timestamp,
        STANDARD_SIGNATURE: " ".join(sign_standard(_key(secret), timestamp, event_id, body) for secret in secrets),
    }


def _key(secret: str) -> bytes:
    """Return the key that a secret is: what follows `whsec_` is base64, any other is its own bytes."""
    if secret.startswith(_PREFIX):
        try:
            return base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
        except binascii.Error:
            return secret.encode()  # it only looks like one
    return secret.encode()
