"""API keys: created and shown once, listed, revoked, and recognised when a request bears one."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING, Final

from churn.accounts.scopes import COMMAND_LINE, require_scopes
from churn.context import Context
from churn.errors import ConfigError, ResourceError
from churn.store.service_records import ApiKey

if TYPE_CHECKING:
    from churn.store import Store

PREFIX = "churn"


def create_key(context: Context, name: str, scopes: Sequence[str], *, who: str = COMMAND_LINE) -> str:
    """Make a key and return it; it cannot be shown again, since only its hash is kept.

    Raises ConfigError for a scope that is not known or a name that is taken.
    """
    if not name.strip():
        raise ConfigError("a key needs a name", where="NAME", remedy="Name who will use it, such as `crm`.")
    chosen = list(dict.fromkeys(scopes)) or ["read"]
    require_scopes(chosen)
    key_id, secret = secrets.token_hex(6), secrets.token_urlsafe(32)
    with context.open_store() as store:
        store.keys.add(key_id, name, _hashed(secret), chosen, context.clock())
        store.requests.audit(who, "create_key", name, context.clock())
    return f"{PREFIX}_{key_id}_{secret}"


def list_keys(context: Context) -> list[ApiKey]:
    """Return every key, without its secret."""
    with context.open_store() as store:
        return store.keys.list()


def revoke_key(context: Context, name: str, *, who: str = COMMAND_LINE) -> None:
    """Refuse a key from now on. Raises NotFound for a name that no valid key bears."""
    with context.open_store() as store:
        store.keys.revoke(name, context.clock())
        store.requests.audit(who, "revoke_key", name, context.clock())


def recognise(store: Store, token: str, at: datetime) -> ApiKey | None:
    """Return the valid key that `token` is, None for anything else; takes the same time for every wrong secret."""
    prefix, _, rest = token.partition("_")
    key_id, _, secret = rest.partition("_")
    key = store.keys.find(key_id) if prefix == PREFIX and key_id and "\x00" not in token else None
    expected = key.secret_hash if key else _hashed("")
    is_right = hmac.compare_digest(expected, _hashed(secret))
    if key is None or not is_right or key.revoked_at is not None:
        return None
    with suppress(ResourceError):  # a full disk must not prevent reading
        store.keys.note_use(key, at)
    return key


def _hashed(secret: str) -> str:
    # The secret is 256 random bits: nothing slower than SHA-256 is needed against guessing.
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


REMEMBERED_SECONDS: Final = 1.0  # a revoked key is refused everywhere after this time at the latest
_MOST_REMEMBERED: Final = 10_000


class Keyring:
    """Caches keys by the hash of their token: no token is kept, and wrong ones are looked up every time."""

    def __init__(self, store: Store, clock: Callable[[], datetime], now: Callable[[], float] = time.monotonic) -> None:
        self._store, self._clock, self._now = store, clock, now
        self._held: dict[bytes, tuple[float, ApiKey]] = {}

    def held(self, token: str) -> ApiKey | None:
        """Return the key that `token` was found to be within the last second; None if it has to be looked up."""
        entry = self._held.get(_digest(token))
        return entry[1] if entry is not None and self._now() < entry[0] else None

    def look_up(self, token: str) -> ApiKey | None:
        """Return the valid key that `token` is, as the store has it now; None for anything else."""
        digest, until = _digest(token), self._now() + REMEMBERED_SECONDS
        key = recognise(self._store, token, self._clock())
        if key is None:
            self._held.pop(digest, None)
            return None
        if len(self._held) >= _MOST_REMEMBERED:
            self._held.clear()
        self._held[digest] = (until, key)
        return key


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
