"""What the commands say of what was written to MLflow."""

from __future__ import annotations

from typing import TYPE_CHECKING

from churn.cli.tables import line

if TYPE_CHECKING:
    from churn.workflows.mirror import MirrorResult


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
