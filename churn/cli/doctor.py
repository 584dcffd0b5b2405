"""The command that looks at everything and says what mends what is ill."""

from __future__ import annotations

import typer

from churn.cli.common import Session, command
from churn.cli.tables import line, table
from churn.workflows.doctor import diagnose


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    command(app)(doctor)


def doctor(session: Session) -> None:
    """Look at machine, home, sources, model, jobs and connectors, and say how to fix what is wrong.

    Nothing is changed. Exit code 1 where something has to be mended; what deserves a look alone ends with 0.
    """
    diagnoses = diagnose(session.context)
    ill = [diagnosis for diagnosis in diagnoses if diagnosis.level == "mend"]
    to_look_at = [diagnosis for diagnosis in diagnoses if diagnosis.level == "look"]

    def render() -> None:
        rows = [(diagnosis.level, diagnosis.subject, diagnosis.seen) for diagnosis in diagnoses]
        table("What was looked at", ["", "what", "seen"], rows)
        for diagnosis in [*ill, *to_look_at]:
            if diagnosis.remedy:
                line(f"{diagnosis.subject}: {diagnosis.remedy}")
        if not ill and not to_look_at:
            line("All is well.")

    session.show({"diagnoses": diagnoses}, render)
    if ill:
        raise typer.Exit(1)
