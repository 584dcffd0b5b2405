"""Commands for the keys of the service: create, list, revoke."""

from __future__ import annotations

from typing import Annotated

import typer

from churn.accounts.keys import create_key, list_keys, revoke_key
from churn.cli.common import Session, command
from churn.cli.tables import line, table

_NONE = "There is no key yet: make one by `churn keys create NAME --scope read`."


def register(app: typer.Typer) -> None:
    """Add the commands to `app`."""
    keys = typer.Typer(help="Keys of the service: who may call it, and for what.", no_args_is_help=True)
    command(keys)(create)
    command(keys, "list")(list_)
    command(keys)(revoke)
    app.add_typer(keys, name="keys")


def create(
    session: Session,
    name: Annotated[str, typer.Argument(metavar="NAME", help="Who will use it, such as crm.")],
    scope: Annotated[
        list[str] | None, typer.Option(help="read, simulate, push or admin; repeat for more. Default: read.")
    ] = None,
) -> None:
    """Make a key and show it, this once: only its hash is kept."""
    key = create_key(session.context, name, scope or [])

    def render() -> None:
        line(f"Key for {name}, not to be shown again:")
        line(key)

    session.show({"name": name, "scopes": scope or ["read"], "key": key}, render)


def list_(session: Session) -> None:
    """List the keys, without their secrets."""
    keys = list_keys(session.context)
    document = [
        {
            "name": key.name,
            "key_id": key.key_id,
            "scopes": list(key.scopes),
            "created_at": key.created_at,
            "last_used_at": key.last_used_at,
            "revoked_at": key.revoked_at,
        }
        for key in keys
    ]

    def render() -> None:
        rows = [
            (
                key.name,
                ", ".join(key.scopes),
                f"{key.created_at:%Y-%m-%d %H:%M}",
                f"{key.last_used_at:%Y-%m-%d %H:%M}" if key.last_used_at else "never",
                f"{key.revoked_at:%Y-%m-%d %H:%M}" if key.revoked_at else "",
            )
            for key in keys
        ]
        table("Keys", ["name", "scopes", "created", "last used", "revoked"], rows, nothing=_NONE)

    session.show({"keys": document}, render)


def revoke(
    session: Session, name: Annotated[str, typer.Argument(metavar="NAME", help="The name it was made under.")]
) -> None:
    """Refuse a key from now on."""
    revoke_key(session.context, name)
    session.show({"name": name, "is_revoked": True}, lambda: line(f"The key {name} is refused from now on."))
