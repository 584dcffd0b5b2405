"""Reads all about one model version: its card, its curves on the test rows, its feature weights, its history."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from churn.context import Context
from churn.documents.model_card import ModelCard
from churn.documents.model_figures import ModelFigures
from churn.documents.monitoring import MonitoringDocument
from churn.errors import ContractBroken, ModelError, ResourceError
from churn.files import write_text
from churn.modeling import load_bundle, load_card, load_evaluation
from churn.modeling.judging.curves import evaluation_curves
from churn.modeling.reasons.importance import feature_importance
from churn.views.champion import bundle_path, no_champion

if TYPE_CHECKING:
    import polars as pl

    from churn.store import ModelVersion
    from churn.store.records import ModelChange


FORMAT: Final = 3  # version of the cached figures; with another one they are computed again


@dataclass(frozen=True)
class ModelView:
    """One version (None before the first training), the champion, every version and every change, newest first.

    `error` says in words why the bundle cannot be read; `card` and `figures` are None then.
    """

    version: ModelVersion | None
    champion: ModelVersion | None
    versions: Sequence[ModelVersion]
    history: Sequence[ModelChange]
    card: ModelCard | None = None
    figures: ModelFigures | None = None
    error: str | None = None


def model_view(context: Context, version: str | None = None) -> ModelView:
    """Return `version`, or the champion where it is None. Raises ConfigError for an unknown version."""
    with context.open_store() as store:
        versions = store.models.list()
        history = store.models.history()
        champion = store.models.champion()
        shown = store.models.get(version) if version else champion or (versions[0] if versions else None)
    view = ModelView(shown, champion, versions, history)
    if shown is None:
        return view
    try:
        return replace(view, card=load_card(bundle_path(context, shown)), figures=model_figures(context, shown))
    except ModelError as error:
        return replace(view, error=str(error))


def model_figures(context: Context, version: ModelVersion) -> ModelFigures:
    """Return a version's figures, worked out once and kept under `home/cache`.

    Raises ModelError where its bundle is missing or altered.
    """
    file = context.settings.home / "cache" / "models" / f"{version.version}.json"
    figures = _kept(file, version)
    if figures is None:
        figures = _worked_out(context, version)
        try:
            write_text(file, json.dumps(figures.as_json()))
        except ResourceError as error:  # a full disk must not hide the page; the figures are computed again next time
            context.log.note("model_figures_not_kept", error=error.what)
    return figures


def evaluation_rows(context: Context, version: str | None = None) -> pl.DataFrame:
    """Return the test customers of `version`, or of the champion, with what was predicted of each and whether they left.

    Raises ConfigError for an unknown version, NoChampion where there is none, ModelError where its bundle cannot be read.
    """
    with context.open_store() as store:
        shown = store.models.get(version) if version else store.models.champion()
        known = store.models.list()
    if shown is None:
        raise no_champion(known)
    return load_evaluation(bundle_path(context, shown))


def prepare_figures(context: Context, version: str) -> None:
    """Work out a new version's figures while its libraries are loaded, so that its page opens at once."""
    with context.open_store() as store:
        model = store.models.get(version)
    model_figures(context, model)


def drift_summary(context: Context) -> MonitoringDocument | None:
    """Return what the monitors found last; None before the first monitoring."""
    with context.open_store() as store:
        return store.monitoring.latest()


def _kept(file: Path, version: ModelVersion) -> ModelFigures | None:
    try:
        figures = ModelFigures.read(json.loads(file.read_text(encoding="utf-8")), where=str(file))
    except (OSError, ValueError, ContractBroken):
        return None
    is_ours = (figures.format, figures.fingerprint) == (FORMAT, version.fingerprint)
    return figures if is_ours else None


def _worked_out(context: Context, version: ModelVersion) -> ModelFigures:
    folder = bundle_path(context, version)
    card = load_card(folder)
    return ModelFigures(
        format=FORMAT,
        fingerprint=version.fingerprint,
        curves=evaluation_curves(load_evaluation(folder), card.economics.economics(), card.threshold),
        importance=feature_importance(load_bundle(folder)),
    )
