"""People who sign in: created, listed, removed, and recognised; only a scrypt hash is ever kept."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import threading
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from churn.accounts.scopes import COMMAND_LINE, require_scopes
from churn.context import Context
from churn.errors import ConfigError, NotFound

if TYPE_CHECKING:
    from churn.store import Store
    from churn.store.service_records import WebUser

SHORTEST = 12
LONGEST = 256
# 32 MB and some 80 ms for each guess at a stolen hash (RFC 7914)
_N, _R, _P, _SALT_BYTES = 2**15, 8, 1, 16
_AT_A_TIME = threading.BoundedSemaphore(2)  # each takes 32 MB: many attempts at once must not exhaust the memory
_NOBODY = "scrypt$32768$8$1$" + "AAAAAAAAAAAAAAAAAAAAAA==" + "$" + "A" * 86 + "=="


def create_user(context: Context, name: str, password: str, scopes: Sequence[str], *, who: str = COMMAND_LINE) -> None:
    """Keep a new user. Raises ConfigError for a poor name or password, an unknown scope, or a name that is taken."""
    name = name.strip()
    if not name or not name.isprintable() or len(name) > 100:
        raise ConfigError("a user needs a name of 1 to 100 characters", where="NAME", remedy="Such as `maria`.")
    if not SHORTEST <= len(password) <= LONGEST:
        raise ConfigError(
            f"a password must have {SHORTEST} to {LONGEST} characters",
            where="password",
            remedy="Four random words are easy to remember and hard to guess.",
        )
    if len(set(password)) < 5 or name.casefold() in password.casefold():
        raise ConfigError(
            "the password is easy to guess", where="password", remedy="Leave out your name; repeat no single letter."
        )
    chosen = list(dict.fromkeys(scopes)) or ["read", "simulate"]
    require_scopes(chosen)
    with context.open_store() as store:
        store.users.add(name, hashed(password), chosen, context.clock())
        store.requests.audit(who, "create_user", name, context.clock())


def list_users(context: Context) -> list[WebUser]:
    """Return every user by name."""
    with context.open_store() as store:
        return store.users.list()


def change_scopes(context: Context, name: str, scopes: Sequence[str], *, who: str = COMMAND_LINE) -> None:
    """Change what a user with a password may do, at once and in every browser.

    Raises NotFound for a name that nobody bears, ConfigError for an unknown scope, for none, and for somebody whose rights the
    identity provider decides.
    """
    chosen = list(dict.fromkeys(scopes))
    require_scopes(chosen)
    if not chosen:
        raise ConfigError("a user needs a right at least", where="scopes", remedy="Or remove the user.")
    with context.open_store() as store:
        user = store.users.find(name)
        if user is None:
            raise NotFound("no user bears this name", where=name, remedy="See `churn users list`.")
        if user.issuer is not None:
            raise ConfigError(
                "the groups of the identity provider decide what this person may do",
                where=name,
                remedy="Change the groups there, or [sso] groups.",
            )
        store.users.set_scopes(name, chosen)
        store.requests.audit(who, "change_scopes", f"{name}: {', '.join(chosen)}", context.clock())


def remove_user(context: Context, name: str, *, who: str = COMMAND_LINE) -> None:
    """Forget a user and end their sessions. Raises NotFound for a name that nobody bears."""
    with context.open_store() as store:
        store.users.remove(name)
        store.requests.audit(who, "remove_user", name, context.clock())


def recognise_user(store: Store, name: str, password: str, at: datetime) -> WebUser | None:
    """Return the user of this name and password, None for anything else; a wrong name takes as long as a wrong password."""
    user = None if "\x00" in name else store.users.find(name)
    if (
        not _is_right(password[: LONGEST + 1], user.password_hash if user and user.password_hash else _NOBODY)
        or user is None
        or not user.password_hash
    ):
        return None
    store.users.note_seen(user.name, at)
    return user


def hashed(password: str) -> str:
    """Return scrypt of `password` under a fresh salt, with its parameters: `scrypt$n$r$p$salt$hash`."""
    salt = secrets.token_bytes(_SALT_BYTES)
    encoded = (base64.b64encode(part).decode() for part in (salt, _scrypt(password, salt, _N, _R, _P)))
    return "$".join(("scrypt", str(_N), str(_R), str(_P), *encoded))


def _is_right(password: str, kept: str) -> bool:
    _, n, r, p, salt, expected = kept.split("$")
    digest = _scrypt(password, base64.b64decode(salt), int(n), int(r), int(p))
    return hmac.compare_digest(digest, base64.b64decode(expected))


def _scrypt(password: str, salt: bytes, n: int, r: int, p: int) -> bytes:
    with _AT_A_TIME:
        return hashlib.scrypt(
            password.encode("utf-8", "surrogatepass"), salt=salt, n=n, r=r, p=p, maxmem=2 * 128 * n * r
        )
