"""What the store takes and gives for the pages: people, and sessions without the secret that a browser holds."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

SignInKind = Literal["key", "password", "link"]


@dataclass(frozen=True)
class WebUser:
    """A person with a password, of which only a scrypt hash is kept."""

    name: str
    password_hash: str
    scopes: tuple[str, ...]
    created_at: datetime
    last_seen_at: datetime | None = None


@dataclass(frozen=True)
class WebSession:
    """A browser that is signed in. `subject` is the key's id, the user's name, or the link's hash, by `kind`."""

    session_hash: str
    kind: SignInKind
    subject: str
    name: str
    scopes: tuple[str, ...]
    created_at: datetime
    seen_at: datetime
    expires_at: datetime
