"""What the store takes and gives for the service: keys without their secrets, requests answered, who did what."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

Scope = Literal["read", "simulate", "push", "admin"]
SCOPES: tuple[Scope, ...] = ("read", "simulate", "push", "admin")


@dataclass(frozen=True)
class ApiKey:
    """A key as it may be shown: `secret_hash` is SHA-256 of a random secret of 256 bits, which nobody can guess back."""

    key_id: str
    name: str
    secret_hash: str
    scopes: tuple[str, ...]
    created_at: datetime
    last_used_at: datetime | None = None
    revoked_at: datetime | None = None


@dataclass(frozen=True)
class AuditEntry:
    """Who did what to which subject, when; `request_id` leads to the log."""

    entry_id: int
    done_at: datetime
    who: str
    action: str
    subject: str
    request_id: str | None


@dataclass(frozen=True)
class WebhookDelivery:
    """An event on its way to one subscription of churn.toml; `attempts` are those made before."""

    event_id: str
    subscription: str
    document: dict[str, Any]
    created_at: datetime
    state: Literal["waiting", "delivered", "given_up"]
    attempts: int
    next_attempt_at: datetime
    finished_at: datetime | None = None
    error: str | None = None


@dataclass(frozen=True)
class EarlierRequest:
    """A write with the same idempotency key; `status` is None while it is at work, or was killed at it."""

    request_hash: str
    started_at: datetime
    status: int | None
    answer: Any
