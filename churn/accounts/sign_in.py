"""Signs a browser in by key, password or one-time link, or for an identity provider; recognises it afterwards, and signs it out."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from churn.accounts.keys import recognise
from churn.accounts.scopes import COMMAND_LINE, require_scopes
from churn.accounts.users import recognise_user
from churn.context import Context
from churn.errors import ChurnError, ConfigError, NotFound, ResourceError
from churn.store.service_records import SignInKind, WebSession

if TYPE_CHECKING:
    from churn.store import Store

IDLE = timedelta(hours=12)  # a session unused for so long has ended
LONGEST = timedelta(days=7)  # and one in use ends then
LINK_LASTS = timedelta(minutes=15)
WINDOW = timedelta(minutes=15)
ATTEMPTS_PER_NAME, ATTEMPTS_PER_ADDRESS = 10, 50  # failures within the window, the first from one address
LONGEST_DELAY = 5.0  # seconds
_RENEWED_EVERY = timedelta(minutes=5)  # writing on every page would make readers wait for each other


class TooManyAttempts(ChurnError):
    """Somebody tried to sign in too often; the next attempt is heard after the window."""

    http_status = 429


class PasswordsOff(ChurnError):
    """Somebody sent a password where only the identity provider and keys sign in."""

    exit_code = 2
    http_status = 403


@dataclass(frozen=True)
class SignedIn:
    """The signed-in person: the `name` to show, what they may do, and the token that their forms must carry."""

    name: str
    scopes: tuple[str, ...]
    kind: SignInKind
    form_token: str
    session_hash: str

    def may(self, scope: str) -> bool:
        """Say whether they bear a scope; who bears admin may do everything."""
        return scope in self.scopes or "admin" in self.scopes


def sign_in_by_key(context: Context, key: str, *, address: str) -> str | None:
    """Return a new session's secret for a valid API key, None for any other. Raises TooManyAttempts."""
    with context.open_store() as store:
        attempt = attempted(context, store, f"key {key[:18]}", address)
        api_key = recognise(store, key.strip(), context.clock())
        if api_key is None:
            return None
        attempt.succeeded(store)
        return begin_session(context, store, "key", api_key.key_id, api_key.name, api_key.scopes)


def sign_in_by_password(context: Context, name: str, password: str, *, address: str) -> str | None:
    """Return a new session's secret for the right name and password, else None. Raises TooManyAttempts.

    Raises PasswordsOff where [sso] turned passwords off.
    """
    if not context.settings.sso.passwords:
        raise PasswordsOff(
            "Passwords are turned off here.",
            where="[sso] passwords",
            remedy="Sign in at the identity provider, or by key.",
        )
    with context.open_store() as store:
        attempt = attempted(context, store, _of_user(name), address)
        user = recognise_user(store, name.strip(), password, context.clock())
        if user is None:
            return None
        attempt.succeeded(store)
        return begin_session(context, store, "password", user.name, user.name, user.scopes)


def create_link(context: Context, scopes: Sequence[str] = ("admin",), *, who: str = COMMAND_LINE) -> str:
    """Return the secret of a link that signs one browser in once, within 15 minutes. Raises ConfigError for a scope."""
    require_scopes(scopes)
    secret = secrets.token_urlsafe(32)
    with context.open_store() as store:
        now = context.clock()
        store.sessions.add_link(_hash(secret), scopes, at=now, expires_at=now + LINK_LASTS)
        store.requests.audit(who, "create_link", ", ".join(scopes), now)
    return secret


def sign_in_by_link(context: Context, secret: str, *, address: str) -> str | None:
    """Return a new session's secret for a link not yet used, None for any other. Raises TooManyAttempts."""
    with context.open_store() as store:
        attempt = attempted(context, store, f"link {_hash(secret)}", address)
        scopes = store.sessions.use_link(_hash(secret), context.clock())
        if scopes is None:
            return None
        attempt.succeeded(store)
        return begin_session(context, store, "link", _hash(secret), "One-time link", scopes)


def recognise_session(store: Store, context: Context, secret: str) -> SignedIn | None:
    """Return who holds the session, None when it has ended, or its key was revoked or its user removed."""
    session = store.sessions.find(_hash(secret))
    now = context.clock()
    if session is None or session.expires_at <= now:
        return None
    scopes = _scopes_now(store, context, session)
    if scopes is None:
        store.sessions.end(session.session_hash)
        return None
    if now - session.seen_at >= _RENEWED_EVERY:
        ends = min(now + IDLE, session.created_at + LONGEST)
        with suppress(ResourceError):  # a full disk must not prevent reading
            store.sessions.renew(session.session_hash, seen_at=now, expires_at=ends)
    return SignedIn(session.name, scopes, session.kind, form_token(secret), session.session_hash)


def sign_out(context: Context, user: SignedIn) -> None:
    """End a session."""
    with context.open_store() as store:
        store.sessions.end(user.session_hash)
        store.requests.audit(user.name, "sign_out", user.kind, context.clock())


def form_token(secret: str) -> str:
    """Return the token of this browser's forms: other sites cannot know it, and it does not reveal the secret."""
    return hmac.new(secret.encode("utf-8", "surrogatepass"), b"form", hashlib.sha256).hexdigest()


def _scopes_now(store: Store, context: Context, session: WebSession) -> tuple[str, ...] | None:
    sso = context.settings.sso
    if session.kind == "key":
        key = store.keys.find(session.subject)
        return key.scopes if key is not None and key.revoked_at is None else None
    if session.kind == "password":
        user = store.users.find(session.subject) if sso.passwords else None
        return user.scopes if user is not None else None
    if session.kind == "sso":
        user = store.users.find(session.subject)
        is_known = user is not None and user.issuer is not None and user.issuer == sso.issuer
        return user.scopes or None if user is not None and is_known else None
    return session.scopes


def begin_session(
    context: Context,
    store: Store,
    kind: SignInKind,
    subject: str,
    name: str,
    scopes: Sequence[str],
    *,
    id_token: str | None = None,
) -> str:
    """Begin the session of somebody who was recognised, and return its secret."""
    secret, now = secrets.token_urlsafe(32), context.clock()
    session = WebSession(_hash(secret), kind, subject, name, tuple(scopes), now, now, now + IDLE, id_token)
    store.sessions.add(session)
    store.requests.audit(name, "sign_in", kind, now)
    return secret


@dataclass(frozen=True)
class Attempt:
    """An attempt that was noted before it was judged, so that many at a time count too."""

    subjects: tuple[str, ...]
    at: datetime

    def succeeded(self, store: Store) -> None:
        """Do not count it among those that failed."""
        store.sessions.withdraw_attempt(self.subjects, self.at)
        store.sessions.forget_attempts(self.subjects[0])  # of this name from this address


def attempted(context: Context, store: Store, subject: str, address: str) -> Attempt:
    """Note an attempt. Raises TooManyAttempts for an address that guesses at this name, or at many."""
    now, named, placed = context.clock(), _hash(subject), _hash(f"address {address}")
    subjects = (f"{named}:{placed}", named, placed)
    here, _anywhere, by_address = store.sessions.attempt(subjects, now, since=now - WINDOW)
    if here >= ATTEMPTS_PER_NAME or by_address >= ATTEMPTS_PER_ADDRESS:
        raise TooManyAttempts(
            "Too many attempts to sign in.",
            remedy=f"Wait {WINDOW.seconds // 60} minutes, then try again; or ask for `churn users unlock`.",
        )
    return Attempt(subjects, now)


def seconds_to_wait(context: Context, name: str) -> float:
    """Return how long the next attempt under `name` has to wait: longer with each that failed, wherever it came from.

    Whoever guesses from many addresses is slowed down, while the person themselves can still sign in.
    """
    with context.open_store() as store:
        failed = store.sessions.attempts(_hash(_of_user(name)), since=context.clock() - WINDOW)
    excess = failed - ATTEMPTS_PER_NAME
    return 0.0 if excess < 0 else min(0.25 * (excess + 1), LONGEST_DELAY)


def unlock(context: Context, name: str | None = None, *, address: str | None = None) -> int:
    """Forget the failed attempts under a name, or from an address; return how many there were."""
    subjects = [_of_user(name)] if name is not None else []
    subjects += [f"address {address}"] if address is not None else []
    with context.open_store() as store:
        forgotten = sum(store.sessions.forget_attempts(_hash(subject)) for subject in subjects)
        if address is not None:  # also under each name from there
            forgotten += store.sessions.forget_attempts_from(_hash(f"address {address}"))
        store.requests.audit(COMMAND_LINE, "unlock", name or address or "", context.clock())
    return forgotten


def list_sessions(context: Context) -> list[WebSession]:
    """Return the sessions that last, the newest first."""
    with context.open_store() as store:
        return [
            session
            for session in store.sessions.list(context.clock())
            if _scopes_now(store, context, session) is not None
        ]


def end_sessions(context: Context, *, which: str, who: str = COMMAND_LINE) -> int:
    """End the session whose number begins with `which`, or all of the user, key or link of that name; return how many.

    Raises NotFound when there is none, ConfigError for the beginning of several.
    """
    with context.open_store() as store:
        sessions = store.sessions.list(context.clock())
        chosen = [session for session in sessions if session.name == which]
        if not chosen:
            chosen = [session for session in sessions if session.session_hash.startswith(which)]
            if len(chosen) > 1:
                raise ConfigError("several sessions begin so", where=which, remedy="Write more of the number.")
        if not chosen:
            raise NotFound("there is no such session", where=which, remedy="See `churn users sessions`.")
        for session in chosen:
            store.sessions.end(session.session_hash)
            store.requests.audit(who, "end_session", session.name, context.clock())
    return len(chosen)


def _of_user(name: str) -> str:
    return f"user {name.strip().casefold()}"


def _hash(secret: str) -> str:
    # Session and link secrets are 256 random bits: nothing slower than SHA-256 is needed against guessing.
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
