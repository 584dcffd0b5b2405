"""Signs in whoever the identity provider vouches for: made a user at first, with the scopes of their groups each time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from churn.accounts.sign_in import attempted, begin_session
from churn.accounts.sso.flow import Identity, PendingSignIn, Returned, finish
from churn.accounts.sso.provider import Provider
from churn.accounts.sso.refusal import SignInRefused
from churn.config.secrets import named_secret
from churn.config.sso import SSO_SECRET
from churn.context import Context
from churn.store.service_records import WebUser

if TYPE_CHECKING:
    from churn.store import Store


def sign_in_by_provider(
    context: Context, provider: Provider, begun: PendingSignIn, returned: Returned, *, redirect_uri: str, address: str
) -> str:
    """Return a new session's secret for who came back from the provider.

    Raises SignInRefused, TooManyAttempts, Unreachable, AuthFailed, ConfigError.
    """
    settings = context.settings.sso
    with context.open_store() as store:
        attempt = attempted(context, store, f"sso {begun.state}", address)
        try:
            identity = finish(
                provider,
                settings,
                begun,
                returned,
                redirect_uri=redirect_uri,
                secret=client_secret(context),
                at=context.clock(),
            )
            user = _known(context, store, identity)
        except SignInRefused as refusal:
            context.log.note("sign_in_refused", by="sso", reason=refusal.what)
            raise
        attempt.succeeded(store)
        store.users.note_seen(user.name, context.clock())
        return begin_session(context, store, "sso", user.name, user.name, identity.scopes, id_token=identity.id_token)


def client_secret(context: Context) -> str:
    """Return the client's secret as it is now; empty for a client that has none. Raises ConfigError."""
    named = named_secret(context.settings.sso, context.settings.home, where="[sso]")
    return context.secrets.get(SSO_SECRET, "") if named is None else named


def _known(context: Context, store: Store, identity: Identity) -> WebUser:
    """Return the user of an identity with the scopes that its groups give now; made if there is none.

    Raises SignInRefused where they give none; then whoever was signed in as that user is no longer.
    """
    user = store.users.find_identity(identity.issuer, identity.subject)
    now = context.clock()
    if user is not None and set(user.scopes) != set(identity.scopes):
        store.users.set_scopes(user.name, identity.scopes)
        store.requests.audit(user.name, "change_scopes", ", ".join(identity.scopes) or "none", now)
    if not identity.scopes:
        who = user.name if user is not None else (identity.names or ("somebody",))[0]
        store.requests.audit(who, "sign_in_refused", "sso", now)
        claim = context.settings.sso.groups_claim
        raise SignInRefused(
            f"You are signed in at the identity provider as {who}, but none of your groups may do anything here.",
            where=f"claim {claim}: {', '.join(identity.groups)[:300]}" if identity.groups else f"no claim {claim}",
            remedy="Ask whoever runs churn: [sso.groups] says what each group may do.",
        )
    if user is not None:
        return user
    name = _free_name(store, identity)
    store.users.add_identity(name, identity.issuer, identity.subject, identity.scopes, now)
    store.requests.audit(name, "create_user", "sso", now)
    return WebUser(name, None, identity.scopes, now, issuer=identity.issuer, subject=identity.subject)


def _free_name(store: Store, identity: Identity) -> str:
    """Return a name that nobody bears: being called as somebody here never makes one that person."""
    for name in identity.names:
        if store.users.find(name) is None:
            return name
    base, number = (identity.names or ("user",))[0][:90], 2
    while store.users.find(f"{base} ({number})") is not None:
        number += 1
    return f"{base} ({number})"
