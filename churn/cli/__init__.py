"""The `churn` command: one command per workflow, no logic here."""

from __future__ import annotations

import os

import typer

from churn import __version__
from churn.cli.group import LazyGroup
from churn.cli.options import CommonOptions, ConfigOption, DebugOption, HomeOption, JsonOption, QuietOption

_EXIT_CODES = (
    "Exit codes: 0 done, 2 usage or settings are wrong, 3 the data is refused, 4 the model is refused, 5 another process "
    "holds the warehouse or the store, 6 a remote system failed or does not hold all of it, 7 short of disk or memory."
)


def build_app() -> typer.Typer:
    """Return the command line; each command's module is loaded when the command is called."""
    app = typer.Typer(
        name="churn",
        cls=LazyGroup,
        help="Churn and retention, the whole loop: events, features, calibrated risk, reasons, and what acting on it is worth.",
        epilog=_EXIT_CODES,
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_common_options)
    return app


def _show_version(is_asked_for: bool) -> None:
    if is_asked_for:
        typer.echo(f"churn {__version__}")
        raise typer.Exit


def _common_options(
    ctx: typer.Context,
    version: bool = typer.Option(  # noqa: ARG001 - its callback does it
        False, "--version", help="Print the version and stop.", is_eager=True, callback=_show_version
    ),
    home: HomeOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
    debug: DebugOption = False,
) -> None:
    ctx.obj = CommonOptions(home, config, as_json, quiet, debug)


def main() -> None:
    """Run the command line; wrong usage ends with exit code 2, other errors with their class's code.

    Whatever it writes, and whatever processes it starts write, is for this account alone: it holds customers' data.
    """
    os.umask(0o077)
    build_app()()
