"""Finds the model that serves: its entry in the registry, the folder of its bundle, and the model itself."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from churn.context import Context
from churn.errors import NoChampion
from churn.languages.words import tr
from churn.modeling import load_bundle

if TYPE_CHECKING:
    from churn.modeling import ServedModel
    from churn.store import ModelVersion


def load_champion(context: Context) -> tuple[ModelVersion, ServedModel]:
    """Return the champion's registry entry and the model itself. Raises NoChampion."""
    with context.open_store() as store:
        version, known = store.models.champion(), store.models.list()
    if version is None:
        raise no_champion(known)
    return version, load_bundle(bundle_path(context, version))


def no_champion(known: Sequence[ModelVersion]) -> NoChampion:
    """Return what to say where none of the `known` versions serves: why the newest was not promoted, if there is one."""
    if not known:
        return NoChampion(tr("no model has been promoted yet"), where="registry", remedy=tr("Run `churn train`."))
    newest = max(known, key=lambda version: version.created_at)
    return NoChampion(
        tr(
            "no model has been promoted yet; of the newest, {version}, training said: {reason}",
            version=newest.version,
            reason=newest.reason,
        ),
        where="registry",
        remedy=tr(
            "Load more history or further sources and run `churn train` again, or promote a version "
            "of `churn models list` nevertheless."
        ),
    )


def bundle_path(context: Context, version: ModelVersion) -> Path:
    """Return the folder that holds a version's bundle."""
    return context.settings.models_path / version.bundle


def tells_money(version: ModelVersion) -> bool:
    """Say whether a version's probabilities may be turned into money: not where they failed the calibration gate."""
    return version.metrics is None or version.metrics.is_calibrated
