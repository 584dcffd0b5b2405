"""The command that serves the pages and the API."""

from __future__ import annotations

import signal
import sys
from contextlib import nullcontext
from typing import Annotated

import typer

from churn.accounts.sign_in import create_link
from churn.accounts.users import list_users
from churn.api.server import serve as run
from churn.cli.common import Session, command
from churn.cli.tables import line
from churn.jobs.processes import SchedulerBeside
from churn.jobs.schedule import timetable


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    command(app)(serve)


def serve(
    session: Session,
    host: Annotated[str | None, typer.Option(help="Address to listen on. Default: [api] host, 127.0.0.1.")] = None,
    port: Annotated[
        int | None, typer.Option(help="Port; 0 takes a free one. Default: [api] port, 8000.", min=0, max=65535)
    ] = None,
    with_scheduler: Annotated[
        bool, typer.Option("--with-scheduler", help="Work the jobs too, in a process beside it.")
    ] = False,
) -> None:
    """Serve the web pages and the API until stopped with Ctrl-C; the API's documentation is at /docs.

    Without a scheduler what is asked for only queues: start one with --with-scheduler, or `churn scheduler` elsewhere.
    """
    context, settings = session.context, session.context.settings.api

    def announce(address: str) -> None:
        line(f"Serving on {address}, documentation at {address}/docs. Stop with Ctrl-C.")
        if (link := _first_link(session, address, host or settings.host)) is not None:
            line("Nobody has a password yet. This link signs you in once, within 15 minutes:")
            line(link)

    with _scheduler(session) if with_scheduler else nullcontext():
        run(
            context,
            host=host or settings.host,
            port=settings.port if port is None else port,
            announce=(lambda _address: None) if session.quiet else announce,
        )


def _first_link(session: Session, address: str, host: str) -> str | None:
    """A sign-in link for the person at this machine while there is no user; none where others could read the output."""
    if host not in {"127.0.0.1", "localhost", "::1"} or list_users(session.context):
        return None
    return f"{address}/sign-in/link?token={create_link(session.context)}"


def _scheduler(session: Session) -> SchedulerBeside:
    timetable(session.context.settings)  # report a wrong schedule before anything starts
    # The server re-raises SIGTERM after its last answer, which ends this block and the scheduler with it.
    signal.signal(signal.SIGTERM, lambda _number, _frame: sys.exit(0))
    return SchedulerBeside(home=session.context.settings.home, config=session.config, is_quiet=session.quiet)
