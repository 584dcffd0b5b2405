"""Reads the hazards that are kept with a model."""

from __future__ import annotations

from pathlib import Path

from churn.modeling.lifetime.serving import FILE, Lifetime, LifetimeFile
from churn.modeling.serving.bundles import read_document, verify


def load_lifetime(folder: Path) -> Lifetime | None:
    """Return the hazards kept with the model in `folder`; None where there are none, or they failed their gate.

    Raises ModelError where the file was altered or cannot be read.
    """
    verify(folder)
    if not (folder / FILE).is_file():
        return None
    file = read_document(folder / FILE, LifetimeFile)
    return Lifetime(file.hazards) if file.hazards is not None and file.verdict.is_passed else None
