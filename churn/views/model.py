"""Tells all there is to know of one model version: its card, its test rows as curves, what it goes by, and its history."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from churn.context import Context
from churn.decisions.profit import Economics
from churn.documents.monitoring import MonitoringDocument
from churn.errors import ModelError, ResourceError
from churn.files import write_text
from churn.modeling import load_bundle, load_card, load_evaluation
from churn.modeling.judging.curves import evaluation_curves
from churn.modeling.reasons.importance import feature_importance

if TYPE_CHECKING:
    from pathlib import Path

    from churn.store import ModelVersion


FORMAT: Final = 2  # of the cached figures; another number, and they are worked out again


def model_view(context: Context, version: str | None = None) -> dict[str, Any]:
    """Return `version` (the champion's where None), with `figures`, worked out once and kept under `home/cache`.

    Keys: version, card, figures (`curves` of evaluation_curves, `importance` of feature_importance), error (in words,
    where the bundle cannot be read; card and figures are None then), versions (all, newest first), history (who served
    when, newest first), champion. `version` is None, and so is the rest, before the first training.
    Raises ConfigError for an unknown version.
    """
    with context.open_store() as store:
        versions = store.models.list()
        history = store.models.history()
        champion = store.models.champion()
        asked = store.models.get(version) if version else champion or (versions[0] if versions else None)
    found: dict[str, Any] = {
        "version": asked,
        "champion": champion,
        "versions": versions,
        "history": list(history),
        "card": None,
        "figures": None,
        "error": None,
    }
    if asked is None:
        return found
    try:
        return found | _of_bundle(context, asked)
    except ModelError as error:
        return found | {"error": str(error)}


def model_figures(context: Context, version: ModelVersion) -> dict[str, Any]:
    """Return `curves` and `importance` of a version. Raises ModelError where its bundle is missing or altered."""
    kept = context.settings.home / "cache" / "models" / f"{version.version}.json"
    found = _kept(kept, version)
    if found is None:
        found = _worked_out(context, version)
        try:
            write_text(kept, json.dumps(found))
        except ResourceError as error:  # a full disk must not hide the page; it is worked out again next time
            context.log.note("model_figures_not_kept", error=error.what)
    return found


def prepare_figures(context: Context, version: str) -> None:
    """Work out a new version's figures while its libraries are loaded, so that its page opens at once."""
    with context.open_store() as store:
        found = store.models.get(version)
    model_figures(context, found)


def drift_summary(context: Context) -> MonitoringDocument | None:
    """Return what the monitors found last; None before the first monitoring."""
    with context.open_store() as store:
        return store.monitoring.latest()


def _of_bundle(context: Context, version: ModelVersion) -> dict[str, Any]:
    return {
        "card": load_card(context.settings.models_path / version.bundle),
        "figures": model_figures(context, version),
    }


def _kept(path: Path, version: ModelVersion) -> dict[str, Any] | None:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    is_ours = isinstance(found, dict) and (found.get("format"), found.get("fingerprint")) == (
        FORMAT,
        version.fingerprint,
    )
    return found if is_ours else None


def _worked_out(context: Context, version: ModelVersion) -> dict[str, Any]:
    folder = context.settings.models_path / version.bundle
    card = load_card(folder)
    return {
        "format": FORMAT,
        "fingerprint": version.fingerprint,
        "curves": evaluation_curves(load_evaluation(folder), Economics(**card["economics"]), card["threshold"]),
        "importance": feature_importance(load_bundle(folder)),
    }
