"""Keeps a model in a folder without pickle: plain JSON, skops or UBJSON for the estimator, Parquet for the test rows.

    manifest.json      format, and the SHA-256 of every other file
    model.json         kind, features, policy, fingerprint, threshold, encoder, calibrator
    estimator.skops    a scikit-learn estimator, or estimator.ubj, an XGBoost one
    background.npy     encoded training rows that stand for the population
    evaluation.parquet the test rows with outcomes and scores
    card.json, card.md the model card
    and whatever else the caller keeps with the model, as JSON

A bundle is written beside its place and renamed into it, so that a bundle is whole or absent.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from churn.errors import ModelError
from churn.modeling.candidates import candidate
from churn.modeling.encoding.encoder import Encoder
from churn.modeling.judging.calibration import calibrator_from_json
from churn.modeling.judging.card import card_markdown
from churn.modeling.result import TrainingResult
from churn.modeling.serving.bundles import (
    RETRAIN,
    load_estimator,
    read_json,
    save_estimator,
    verify,
    write_json,
    write_whole,
)
from churn.modeling.serving.served import ServedModel
from churn.snapshots.policy import SnapshotPolicy
from churn.warehouse.models.sql_models import FeatureDoc


def save_bundle(result: TrainingResult, folder: Path, *, extras: Mapping[str, dict[str, Any]] | None = None) -> None:
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
    values = read_json(folder / "model.json")
    try:
        entry = candidate(values["kind"])
        return ServedModel(
            kind=entry.name,
            features=tuple(FeatureDoc(**doc) for doc in values["features"]),
            policy=SnapshotPolicy.from_dict(values["policy"]),
            fingerprint=values["fingerprint"],
            encoder=Encoder.from_json(values["encoder"]),
            estimator=load_estimator(entry, folder),
            calibrator=calibrator_from_json(values["calibrator"]),
            background=np.load(folder / "background.npy", allow_pickle=False),
            threshold=float("inf") if values["threshold"] is None else float(values["threshold"]),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ModelError(f"the bundle cannot be read: {error}", where=str(folder), remedy=RETRAIN) from error


def load_evaluation(folder: Path) -> pl.DataFrame:
    """Return the test rows: customer_id, snapshot_date, has_churned, raw_score, churn_probability, monthly_margin."""
    verify(folder)
    return pl.read_parquet(folder / "evaluation.parquet")


def load_extra(folder: Path, name: str) -> dict[str, Any] | None:
    """Return what was kept with the model as `name`; None where nothing was. Raises ModelError where it was altered."""
    verify(folder)
    return read_json(folder / name) if (folder / name).is_file() else None


def load_card(folder: Path) -> dict[str, Any]:
    """Return the model card. Raises ModelError where the bundle is missing or altered."""
    verify(folder)
    return read_json(folder / "card.json")


def _write(result: TrainingResult, folder: Path) -> None:
    model = result.model
    values = {
        "kind": model.kind,
        "features": [asdict(doc) for doc in model.features],
        "policy": model.policy.to_dict(),
        "fingerprint": model.fingerprint,
        "threshold": model.threshold if np.isfinite(model.threshold) else None,
        "encoder": model.encoder.to_json(),
        "calibrator": model.calibrator.to_json(),
    }
    write_json(folder / "model.json", values)
    save_estimator(candidate(model.kind), model.estimator, folder)
    np.save(folder / "background.npy", model.background, allow_pickle=False)
    result.evaluation.write_parquet(folder / "evaluation.parquet")
    write_json(folder / "card.json", result.card)
    (folder / "card.md").write_text(card_markdown(result.card), encoding="utf-8")
