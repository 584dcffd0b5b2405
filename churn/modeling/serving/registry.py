"""Keeps a model in a folder without pickle: plain JSON, skops or UBJSON for the estimator, Parquet for the test rows.

    manifest.json      format, and the SHA-256 of every other file
    model.json         kind, features, policy, fingerprint, threshold, encoder, calibrator, split by cause
    estimator.skops    a scikit-learn estimator, or estimator.ubj, an XGBoost one; for an average, estimator.json
                       with the weights, and estimator-NAME.skops or .ubj of each member
    background.npy     encoded training rows that stand for the population
    evaluation.parquet the test rows with outcomes and scores
    unlearnt.parquet   the rows that the model was chosen on, with probabilities by models that had not learnt from them
    card.json, card.md the model card
    and whatever else the caller keeps with the model, as JSON

A bundle is written beside its place and renamed into it, so that a bundle is whole or absent.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import numpy as np
import polars as pl
from pydantic import Field, JsonValue, field_serializer

from churn.documents.document import Defined, Document
from churn.documents.model_card import ModelCard
from churn.errors import ConfigError, ModelError
from churn.modeling.candidates import candidate
from churn.modeling.causes import CauseModel
from churn.modeling.encoding.encoder import Encoder
from churn.modeling.judging.calibration import Calibrator
from churn.modeling.judging.card import card_markdown
from churn.modeling.result import TrainingResult
from churn.modeling.serving.bundles import (
    RETRAIN,
    load_estimator,
    read_document,
    read_json,
    save_estimator,
    verify,
    write_json,
    write_whole,
)
from churn.modeling.serving.served import ServedModel
from churn.snapshots.policy import SnapshotPolicy
from churn.warehouse.models.sql_models import FeatureDoc

_OF_CUSTOMERS = ("evaluation.parquet", "unlearnt.parquet")  # rows of customers, which scoring does not need


class ModelFile(Document):
    """model.json: all of a served model that is plain values. `threshold` is None where nobody would be contacted."""

    kind: str
    features: tuple[FeatureDoc, ...]
    policy: SnapshotPolicy
    fingerprint: str
    threshold: Defined
    encoder: Encoder
    calibrator: Calibrator
    causes: CauseModel | None = Field(None, exclude_if=lambda causes: causes is None)

    @field_serializer("features")
    def _documented_features(self, features: tuple[FeatureDoc, ...]) -> list[dict[str, JsonValue]]:
        return [
            {name: value for name, value in asdict(doc).items() if (name, value) != ("wording", None)}
            for doc in features
        ]

    @field_serializer("policy")
    def _policy_values(self, policy: SnapshotPolicy) -> dict[str, JsonValue]:
        return policy.to_dict()


def save_bundle(
    result: TrainingResult, folder: Path, *, extras: Mapping[str, Mapping[str, JsonValue]] | None = None
) -> None:
    """Write the bundle to `folder`, which must not exist yet; `extras` by file name are kept with it, as JSON.

    Raises ModelError where it does, ResourceError where the disk refuses; in both cases nothing is left behind.
    """

    def write(scratch: Path) -> None:
        _write(result, scratch)
        for name, values in (extras or {}).items():
            write_json(scratch / name, values)

    write_whole(folder, write)


def load_bundle(folder: Path) -> ServedModel:
    """Return the model in `folder`.

    Raises ModelError where a file is missing or altered, the format is another, or the estimator's file holds any type
    other than those its candidate is known to need: such a file is never executed.
    """
    verify(folder)
    file = read_document(folder / "model.json", ModelFile)
    try:
        entry = candidate(file.kind)
        background = np.load(folder / "background.npy", allow_pickle=False)
    except (ConfigError, ValueError, OSError, EOFError) as error:
        raise ModelError(f"the bundle cannot be read: {error}", where=str(folder), remedy=RETRAIN) from error
    model = ServedModel(
        kind=entry.name,
        features=file.features,
        policy=file.policy,
        fingerprint=file.fingerprint,
        encoder=file.encoder,
        estimator=load_estimator(entry, folder),
        calibrator=file.calibrator,
        background=background,
        threshold=float("inf") if file.threshold is None else file.threshold,
        causes=file.causes,
    )
    _try_out(model, folder)
    return model


def copy_serving(folder: Path, target: Path) -> None:
    """Copy a bundle without the rows of customers to `target`: enough to score and explain, and it names nobody.

    Raises ModelError where the bundle is missing or altered, ResourceError where the disk refuses.
    """
    verify(folder)

    def write(scratch: Path) -> None:
        for path in folder.iterdir():
            if path.name not in {*_OF_CUSTOMERS, "manifest.json"}:
                shutil.copyfile(path, scratch / path.name)

    write_whole(target, write)


def _try_out(model: ServedModel, folder: Path) -> None:
    """Raise ModelError for a model whose parts do not fit each other: its list of files may have been sealed anew."""
    try:
        if model.background.ndim != 2 or model.background.shape[1] != len(model.encoded_names):
            raise ModelError("the background rows are not those of the encoder", where=str(folder), remedy=RETRAIN)
        if set(model.group_of.tolist()) - set(range(len(model.features))):
            raise ModelError("the encoder has other features than the model", where=str(folder), remedy=RETRAIN)
        probabilities = model.calibrator(model.raw_scores(model.background[:1].astype(np.float32, copy=False)))
    except ModelError:
        raise
    except Exception as error:  # whatever the libraries raise for parts that do not fit
        raise ModelError(f"its parts do not fit: {error}", where=str(folder), remedy=RETRAIN) from error
    if not ((probabilities >= 0) & (probabilities <= 1)).all():
        raise ModelError("it gives no probabilities", where=str(folder), remedy=RETRAIN)


def load_evaluation(folder: Path) -> pl.DataFrame:
    """Return the test rows: customer_id, snapshot_date, has_churned, raw_score, churn_probability, monthly_margin.

    Raises ModelError where they are missing or altered.
    """
    verify(folder)
    try:
        return pl.read_parquet(folder / "evaluation.parquet")
    except (OSError, pl.exceptions.PolarsError) as error:
        raise ModelError("evaluation.parquet cannot be read", where=str(folder), remedy=RETRAIN) from error


def load_unlearnt(folder: Path) -> pl.DataFrame:
    """Return the rows the model was chosen on: customer_id, snapshot_date where there are dates, churn_probability.

    Each probability is by models that had not learnt from the row. No rows for models of before they were kept. Raises
    ModelError where the bundle is missing or altered.
    """
    verify(folder)
    path = folder / "unlearnt.parquet"
    if not path.is_file():
        return pl.DataFrame(
            schema={"customer_id": pl.String, "snapshot_date": pl.Date, "churn_probability": pl.Float64}
        )
    try:
        return pl.read_parquet(path)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise ModelError("unlearnt.parquet cannot be read", where=str(folder), remedy=RETRAIN) from error


def load_extra(folder: Path, name: str) -> dict[str, JsonValue] | None:
    """Return what was kept with the model as `name`; None where nothing was. Raises ModelError where it was altered."""
    verify(folder)
    return read_json(folder / name) if (folder / name).is_file() else None


def load_card(folder: Path) -> ModelCard:
    """Return the model card. Raises ModelError where the bundle is missing or altered."""
    verify(folder)
    return read_document(folder / "card.json", ModelCard)


def _write(result: TrainingResult, folder: Path) -> None:
    model = result.model
    file = ModelFile(
        kind=model.kind,
        features=model.features,
        policy=model.policy,
        fingerprint=model.fingerprint,
        threshold=model.threshold,
        encoder=model.encoder,
        calibrator=model.calibrator,
        causes=model.causes,
    )
    write_json(folder / "model.json", file.as_json())
    save_estimator(candidate(model.kind), model.estimator, folder)
    np.save(folder / "background.npy", model.background, allow_pickle=False)
    result.evaluation.write_parquet(folder / "evaluation.parquet")
    result.unlearnt.write_parquet(folder / "unlearnt.parquet")
    write_json(folder / "card.json", result.card.as_json())
    (folder / "card.md").write_text(card_markdown(result.card), encoding="utf-8")
