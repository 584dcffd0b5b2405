"""Commands about the MLflow server that shows trainings and the registry."""

from __future__ import annotations

from typing import Annotated

import typer

from churn.cli.common import Session, command
from churn.cli.mirror_view import mirror_document, show_mirror
from churn.workflows.mirror import CATCH_UP_SECONDS, mirror_models


def register(app: typer.Typer) -> None:
    """Add the commands to `app`."""
    group = typer.Typer(
        help="MLflow: trainings as runs, the registry as a registered model, `champion` as its alias.",
        no_args_is_help=True,
    )
    command(group)(sync)
    app.add_typer(group, name="mlflow")


def sync(
    session: Session,
    seconds: Annotated[float, typer.Option(min=1.0, help="Stop after so long; what is written stays.")] = (
        CATCH_UP_SECONDS
    ),
) -> None:
    """Write to MLflow what it lacks of trainings and registry. Every training, promotion and night does so too."""
    result = mirror_models(session.context, seconds=seconds)
    session.show(mirror_document(result), lambda: show_mirror(result))
    if result.error is not None:
        raise result.error
