"""Commands that back the home and its store up, and bring them back."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from churn.cli.common import Session, command
from churn.cli.tables import line
from churn.workflows.backup import back_up
from churn.workflows.backup import restore as bring_back


def register(app: typer.Typer) -> None:
    """Add the commands to `app`."""
    command(app)(backup)
    command(app)(restore)


def backup(
    session: Session,
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A new folder, outside of the home.")],
) -> None:
    """Back the home and its store up into a new folder, while the service goes on."""
    result = back_up(session.context, folder)

    def render() -> None:
        line(f"Wrote {result.files:,} files, {result.bytes / 1e6:,.1f} MB, to {result.folder}.")
        line("It holds customers' data: let it expire, for an erasure does not reach it.")

    session.show(asdict(result), render)


def restore(
    session: Session,
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The folder that `churn backup` wrote.")],
    replace: Annotated[bool, typer.Option("--replace", help="Replace what the home holds.")] = False,
) -> None:
    """Bring a backup back into the home and its store."""
    result = bring_back(session.context, folder, replace=replace)

    def render() -> None:
        made_at = f"{result.made_at:%Y-%m-%d %H:%M} UTC"
        line(f"Home and store are again as of {made_at}; everybody is signed out.")
        line("Erase, object, revoke and remove again what was erased, objected to, revoked and removed since then.")
        if result.needs_restart:
            line("The store was damaged and has been replaced: start services and schedulers that run again.")

    session.show(asdict(result), render)
