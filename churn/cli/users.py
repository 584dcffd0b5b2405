"""Commands for people who sign in to the pages: create, list, remove, and a link that signs in once."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from churn.accounts.sign_in import create_link
from churn.accounts.users import create_user, list_users, remove_user
from churn.cli.common import Session, command
from churn.cli.tables import line, table


def register(app: typer.Typer) -> None:
    """Add the commands to `app`."""
    users = typer.Typer(help="People who sign in to the web pages with a password.", no_args_is_help=True)
    command(users)(create)
    command(users, "list")(list_)
    command(users)(remove)
    command(users)(link)
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
    session.show(
        {"name": name, "scopes": chosen},
        lambda: line(f"{name} can sign in now, with the right to {', '.join(chosen)}."),
    )


def list_(session: Session) -> None:
    """List who can sign in with a password."""
    users = list_users(session.context)
    document = [
        {"name": u.name, "scopes": list(u.scopes), "created_at": u.created_at, "last_seen_at": u.last_seen_at}
        for u in users
    ]

    def render() -> None:
        rows = [
            (
                u.name,
                ", ".join(u.scopes),
                f"{u.created_at:%Y-%m-%d %H:%M}",
                f"{u.last_seen_at:%Y-%m-%d %H:%M}" if u.last_seen_at else "never",
            )
            for u in users
        ]
        table("Users", ["name", "scopes", "created", "last signed in"], rows)

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


def _password() -> str:
    if sys.stdin.isatty():
        return str(typer.prompt("Password", hide_input=True, confirmation_prompt=True, err=True))
    return sys.stdin.readline().rstrip("\r\n")
