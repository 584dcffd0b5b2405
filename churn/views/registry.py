"""Reads the registry of models: every version, one version's card and history, two versions side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from churn.context import Context
from churn.errors import ModelError
from churn.modeling import load_card
from churn.views.champion import bundle_path

if TYPE_CHECKING:
    from churn.store import ModelVersion


def list_models(context: Context) -> list[ModelVersion]:
    """Return every registered version, newest first."""
    with context.open_store() as store:
        return sorted(store.models.list(), key=lambda m: m.created_at, reverse=True)


def show_model(context: Context, version: str | None) -> dict[str, Any]:
    """Return a version's card and its place in history; the champion's when `version` is None.

    Raises ConfigError for an unknown version, NoChampion before the first promotion.
    """
    with context.open_store() as store:
        found = require_version(store.models.get(version) if version else store.models.champion(), version)
        history = [entry for entry in store.models.history() if entry.version == found.version]
    return {"model": found, "card": load_card(bundle_path(context, found)), "history": history}


def compare_models(context: Context, first: str, second: str) -> list[tuple[str, Any, Any]]:
    """Return (metric, value of `first`, value of `second`) for every metric both versions recorded."""
    with context.open_store() as store:
        one, two = (require_version(store.models.get(v), v) for v in (first, second))
    return [(name, one.metrics[name], two.metrics[name]) for name in one.metrics if name in two.metrics]


def require_version(model: ModelVersion | None, version: str | None) -> ModelVersion:
    """Return `model`. Raises ModelError where there is none; `version` is the name it was looked for by."""
    if model is None:
        what = f"no model version `{version}`" if version else "no model has been promoted yet"
        raise ModelError(what, where="registry", remedy="See `churn models list`.")
    return model
