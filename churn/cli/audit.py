"""The audit command: who did what."""

from __future__ import annotations

from typing import Annotated

import typer

from churn.cli.common import Session, command
from churn.cli.tables import table


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    command(app)(audit)


def audit(
    session: Session,
    who: Annotated[str | None, typer.Option(help="Only what this person, key, or `command line` did.")] = None,
    action: Annotated[str | None, typer.Option(help="Only this, such as promote_model or create_key.")] = None,
    limit: Annotated[int, typer.Option(help="Entries at most.", min=1, max=10_000)] = 50,
) -> None:
    """Show who did what, newest first: keys, users, models, campaigns, jobs, outcomes sent."""
    with session.context.open_store() as store:
        entries = store.requests.audited(limit=limit, who=who, action=action)
    document = [
        {
            "entry_id": entry.entry_id,
            "done_at": entry.done_at,
            "who": entry.who,
            "action": entry.action,
            "subject": entry.subject,
            "request_id": entry.request_id,
        }
        for entry in entries
    ]

    def render() -> None:
        rows = [(f"{entry.done_at:%Y-%m-%d %H:%M:%S}", entry.who, entry.action, entry.subject) for entry in entries]
        table("Audit log", ["when (UTC)", "who", "did", "to"], rows, nothing="Nothing of this was done.")

    session.show({"entries": document}, render)
