"""Commands about the MLflow server that shows trainings and the registry."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from churn.cli.common import Session, command
from churn.cli.tables import line
from churn.workflows.mirror import CATCH_UP_SECONDS, mirror_models

if TYPE_CHECKING:
    from churn.workflows.mirror import MirrorResult


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


def mirror_document(result: MirrorResult) -> dict[str, object]:
    """Return what an attempt did as the JSON of commands shows it."""
    return {
        "server": result.place,
        "mirrored": list(result.mirrored),
        "complete": result.complete,
        "skipped": dict(result.skipped),
        "alias_moved": result.alias_moved,
        "error": None if result.error is None else str(result.error),
    }


def show_mirror(result: MirrorResult | None) -> None:
    """Print what an attempt did; nothing where no server is named."""
    if result is not None:
        line(result.sentence)
