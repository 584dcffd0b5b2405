"""The `churn` command: one command per workflow, no logic here."""

from __future__ import annotations

import os

import typer

from churn import __version__
from churn.cli.group import LazyGroup


def build_app() -> typer.Typer:
    """Return the command line; each command's module is loaded when the command is called."""
    app = typer.Typer(
        name="churn",
        cls=LazyGroup,
        help="Churn and retention, the whole loop: events, features, calibrated risk, reasons, and what acting on it is worth.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_version_option)
    return app


def _version_option(
    version: bool = typer.Option(False, "--version", help="Print the version and stop.", is_eager=True),
) -> None:
    if version:
        typer.echo(f"churn {__version__}")
        raise typer.Exit


def main() -> None:
    """Run the command line; wrong usage ends with exit code 2, other errors with their class's code.

    Whatever it writes, and whatever processes it starts write, is for this account alone: it holds customers' data.
    """
    os.umask(0o077)
    build_app()()
