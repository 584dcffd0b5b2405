"""Finds the model that serves: its entry in the registry, the folder of its bundle, and the model itself."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from churn.context import Context
from churn.errors import NoChampion
from churn.modeling import load_bundle

if TYPE_CHECKING:
    from churn.modeling import ServedModel
    from churn.store import ModelVersion


def load_champion(context: Context) -> tuple[ModelVersion, ServedModel]:
    """Return the champion's registry entry and the model itself. Raises NoChampion."""
    with context.open_store() as store:
        version = store.models.champion()
    if version is None:
        raise NoChampion(
            "no model has been promoted yet",
            where="registry",
            remedy="Run `churn train`, or promote a version of `churn models list`.",
        )
    return version, load_bundle(bundle_path(context, version))


def bundle_path(context: Context, version: ModelVersion) -> Path:
    """Return the folder that holds a version's bundle."""
    return context.settings.models_path / version.bundle


def tells_money(version: ModelVersion) -> bool:
    """Say whether a version's probabilities may be turned into money: not where they failed the calibration gate."""
    return version.metrics is None or version.metrics.is_calibrated
