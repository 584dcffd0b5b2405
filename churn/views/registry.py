"""Reads the registry of models: every version, one version's card and history, two versions side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from pydantic import JsonValue

from churn.context import Context
from churn.documents.model_card import ModelCard
from churn.errors import ModelError
from churn.languages.words import tr
from churn.modeling import load_card
from churn.views.champion import bundle_path

if TYPE_CHECKING:
    from churn.store import ModelVersion
    from churn.store.records import ModelChange


def list_models(context: Context) -> list[ModelVersion]:
    """Return every registered version, newest first."""
    with context.open_store() as store:
        return sorted(store.models.list(), key=lambda m: m.created_at, reverse=True)


@dataclass(frozen=True)
class RegisteredModel:
    """A version with its card, and the changes of champion that made it serve, newest first."""

    version: ModelVersion
    card: ModelCard
    history: Sequence[ModelChange]


class ComparedMetric(NamedTuple):
    """What two versions recorded under one name."""

    name: str
    first: JsonValue
    second: JsonValue


def show_model(context: Context, version: str | None) -> RegisteredModel:
    """Return a version's card and its place in history; the champion's when `version` is None.

    Raises ConfigError for an unknown version, NoChampion before the first promotion.
    """
    with context.open_store() as store:
        model = require_version(store.models.get(version) if version else store.models.champion(), version)
        history = [change for change in store.models.history() if change.version == model.version]
    return RegisteredModel(model, load_card(bundle_path(context, model)), history)


def compare_models(context: Context, first: str, second: str) -> list[ComparedMetric]:
    """Return every metric that both versions recorded. Raises ConfigError for an unknown version."""
    with context.open_store() as store:
        models = [store.models.get(version) for version in (first, second)]
    ours, theirs = (model.metrics.shown.as_json() if model.metrics else {} for model in models)
    return [ComparedMetric(name, ours[name], theirs[name]) for name in ours if name in theirs]


def require_version(model: ModelVersion | None, version: str | None) -> ModelVersion:
    """Return `model`. Raises ModelError where there is none; `version` is the name it was looked for by."""
    if model is None:
        what = tr("no model version `{version}`", version=version) if version else tr("no model has been promoted yet")
        raise ModelError(what, where="registry", remedy=tr("See `churn models list`."))
    return model
