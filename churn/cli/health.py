"""The command that orchestrators call: is the service ready, is a scheduler at work."""

from __future__ import annotations

from typing import Annotated

import typer

from churn.cli.common import Session, command
from churn.cli.tables import line
from churn.views.metrics import scheduler_health, service_health


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    command(app)(health)


def health(
    session: Session,
    scheduler: Annotated[
        bool, typer.Option("--scheduler", help="Ask for a scheduler's sign of life, not for the service.")
    ] = False,
    url: Annotated[str | None, typer.Option(help="The service's address. Default: [api] port on this machine.")] = None,
    timeout: Annotated[float, typer.Option(min=0.1, max=60, help="Seconds to wait for an answer.")] = 3,
) -> None:
    """Say whether the service is ready, or a scheduler running; exit code 6 when not. For containers and probes."""
    if scheduler:
        answer = scheduler_health(session.context)
    else:
        address = url or f"http://127.0.0.1:{session.context.settings.api.port}"
        answer = service_health(address.rstrip("/"), seconds=timeout)
    session.show({"what": answer.what, **answer.details}, lambda: line(f"The {answer.what} is running."))
