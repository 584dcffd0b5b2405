"""The command of the monthly report."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from churn.cli.common import Session, command
from churn.cli.tables import line
from churn.workflows.report import publish_report


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    command(app)(report)


def report(
    session: Session,
    month: Annotated[
        str | None, typer.Option(metavar="YYYY-MM", help="Which month. Default: the last whole one of the data.")
    ] = None,
    language: Annotated[
        str | None,
        typer.Option(
            help="en, de, or one with a file reports/words/CODE.toml in the home. Default: that of [reporting]."
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Where to write it, .html; or its tables, .xlsx. Default: reports/monthly-YYYY-MM.html."),
    ] = None,
    pdf: Annotated[bool, typer.Option("--pdf", help="Also as PDF, printed by Chromium where it is installed.")] = False,
) -> None:
    """Write the monthly report: one HTML file that opens anywhere, prints well and can be mailed."""
    published = publish_report(session.context, month, language=language, out=out, with_pdf=pdf)

    def render() -> None:
        for path in published.files.values():
            line(f"Wrote {path}")

    document = {
        "month": published.month,
        "language": published.language,
        "files": published.files,
        "seconds": published.seconds,
    }
    session.show(document, render)
