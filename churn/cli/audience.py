"""The command `audience`: hashed e-mails for ad platforms."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from churn.cli.common import Session, command
from churn.cli.tables import line
from churn.workflows.audience import export_audience


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    command(app)(audience)


def audience(
    session: Session,
    platform: Annotated[str, typer.Option("--for", help="Whose form the file has: google, meta or linkedin.")],
    out: Annotated[Path, typer.Option(help="File to write: .csv.")],
    campaign: Annotated[
        str | None, typer.Argument(metavar="CAMPAIGN", help="Whom it contacts. Default: the risk list.")
    ] = None,
    band: Annotated[
        list[str] | None,
        typer.Option(help="Of the risk list, only this band; repeat for more. Default: high and critical."),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Go on with a list marked stale.")] = False,
) -> None:
    """Write whom a campaign contacts, or the risk list, as hashed e-mails for an ad platform."""
    written = export_audience(
        session.context, campaign, platform, out, bands=tuple(band or ("high", "critical")), is_forced=force
    )
    document = {
        "file": written.file,
        "platform": written.platform,
        "column": written.column,
        "customers": written.customers,
        "hashes": written.hashes,
        "left_out": written.left_out,
    }

    def render() -> None:
        line(f"Wrote {written.hashes:,} hashed addresses to {written.file}.")
        for why, count in written.left_out.items():
            line(f"Left out: {count:,} {why}.")

    session.show(document, render)
