"""Commands for people who sign in to the pages: create, list, remove, and a link that signs in once."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from churn.accounts.sign_in import create_link, end_sessions, list_sessions
from churn.accounts.sign_in import unlock as forget_attempts
from churn.accounts.users import create_user, list_users, remove_user
from churn.cli.common import Session, command
from churn.cli.tables import line, table
from churn.errors import ConfigError

_NOBODY = "Nobody has a name of their own yet: add somebody by `churn users create NAME --scope read`."
_NUMBER = 12  # signs of a session's number that are shown: enough to tell it from others


def register(app: typer.Typer) -> None:
    """Add the commands to `app`."""
    users = typer.Typer(
        help="People who sign in to the web pages with a password or single sign-on.", no_args_is_help=True
    )
    command(users)(create)
    command(users, "list")(list_)
    command(users)(remove)
    command(users)(link)
    command(users)(unlock)
    command(users)(sessions)
    app.add_typer(users, name="users")


def create(
    session: Session,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The name they sign in with, such as maria.")],
    scope: Annotated[
        list[str] | None,
        typer.Option(help="read, simulate, push or admin; repeat for more. Default: read and simulate."),
    ] = None,
) -> None:
    """Create a user. The password is asked for on a terminal, or read as one line from standard input."""
    chosen = scope or ["read", "simulate"]
    create_user(session.context, name, _password(), chosen)
    now = "now" if session.context.settings.sso.passwords else "once [sso] passwords is true again"
    session.show(
        {"name": name, "scopes": chosen},
        lambda: line(f"{name} can sign in {now}, with the right to {', '.join(chosen)}."),
    )


def list_(session: Session) -> None:
    """List who can sign in, and where each one comes from: a password, or the identity provider."""
    users = list_users(session.context)
    document = [
        {
            "name": u.name,
            "scopes": list(u.scopes),
            "created_at": u.created_at,
            "last_seen_at": u.last_seen_at,
            "issuer": u.issuer,
        }
        for u in users
    ]

    def render() -> None:
        rows = [
            (
                u.name,
                u.issuer or "password",
                ", ".join(u.scopes) or "none",
                f"{u.created_at:%Y-%m-%d %H:%M}",
                f"{u.last_seen_at:%Y-%m-%d %H:%M}" if u.last_seen_at else "never",
            )
            for u in users
        ]
        table("Users", ["name", "from", "scopes", "created", "last signed in"], rows, nothing=_NOBODY)

    session.show({"users": document}, render)


def remove(session: Session, name: Annotated[str, typer.Argument(metavar="NAME", help="Whom to remove.")]) -> None:
    """Remove a user and end their sessions at once."""
    remove_user(session.context, name)
    session.show({"name": name, "is_removed": True}, lambda: line(f"{name} can no longer sign in."))


def link(
    session: Session,
    scope: Annotated[
        list[str] | None, typer.Option(help="read, simulate, push or admin; repeat for more. Default: admin.")
    ] = None,
    address: Annotated[
        str | None,
        typer.Option(help="Where the pages are, such as https://churn.example (default: [api] host and port)."),
    ] = None,
) -> None:
    """Make a link that signs one browser in, once, within 15 minutes."""
    api = session.context.settings.api
    host = "127.0.0.1" if api.host == "0.0.0.0" else api.host  # noqa: S104 - compared, not bound
    base = (address or f"http://{host}:{api.port}{api.root_path}").rstrip("/")
    url = f"{base}/sign-in/link?token={create_link(session.context, scope or ['admin'])}"

    def render() -> None:
        line("This link signs in once, within 15 minutes:")
        line(url)

    session.show({"link": url, "scopes": scope or ["admin"]}, render)


def unlock(
    session: Session,
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="Whose failed attempts to forget.")] = None,
    address: Annotated[str | None, typer.Option(help="Forget those from this address, such as 10.0.0.7.")] = None,
) -> None:
    """Forget failed attempts to sign in, so that somebody who was refused need not wait."""
    if name is None and address is None:
        raise ConfigError("nobody is named", where="NAME", remedy="Name a user, or an address with --address.")
    forgotten = forget_attempts(session.context, name, address=address)
    whom = name or address
    session.show(
        {"name": name, "address": address, "forgotten": forgotten},
        lambda: line(f"{whom} may sign in at once; {forgotten:,} attempts were forgotten."),
    )


def sessions(
    session: Session,
    end: Annotated[
        str | None, typer.Option(metavar="NUMBER|NAME", help="End a session, or all of this user, key or link.")
    ] = None,
) -> None:
    """List the browsers that are signed in, those by key or link too, or end some."""
    if end is not None:
        ended = end_sessions(session.context, which=end)
        session.show({"ended": ended}, lambda: line(f"Ended {ended:,} session{'s' if ended > 1 else ''}."))
        return
    signed_in = list_sessions(session.context)
    document = [
        {
            "number": browser.session_hash[:_NUMBER],
            "name": browser.name,
            "signed_in_by": browser.kind,
            "scopes": list(browser.scopes),
            "created_at": browser.created_at,
            "seen_at": browser.seen_at,
            "expires_at": browser.expires_at,
        }
        for browser in signed_in
    ]

    def render() -> None:
        rows = [
            (
                browser.session_hash[:_NUMBER],
                browser.name,
                browser.kind,
                ", ".join(browser.scopes),
                *(f"{at:%Y-%m-%d %H:%M}" for at in (browser.created_at, browser.seen_at, browser.expires_at)),
            )
            for browser in signed_in
        ]
        table(
            "Signed in",
            ["number", "name", "by", "scopes", "since", "last seen", "until"],
            rows,
            nothing="Nobody is signed in.",
        )

    session.show({"sessions": document}, render)


def _password() -> str:
    if sys.stdin.isatty():
        return str(typer.prompt("Password", hide_input=True, confirmation_prompt=True, err=True))
    return sys.stdin.readline().rstrip("\r\n")
