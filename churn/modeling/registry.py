"""Keeps a model in a folder without pickle: plain JSON, skops or UBJSON for the estimator, Parquet for the test rows.

    manifest.json      format, and the SHA-256 of every other file
    model.json         kind, features, policy, fingerprint, threshold, encoder, calibrator
    estimator.skops    a scikit-learn estimator, or estimator.ubj, an XGBoost one
    background.npy     encoded training rows that stand for the population
    evaluation.parquet the test rows with outcomes and scores
    card.json, card.md the model card

A bundle is written beside its place and renamed into it, so that a bundle is whole or absent.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
import zipfile
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import numpy as np
import polars as pl

from churn.errors import ModelError, ResourceError
from churn.modeling.calibration import calibrator_from_json
from churn.modeling.candidates import Candidate, candidate
from churn.modeling.card import card_markdown
from churn.modeling.preprocessing import Encoder
from churn.modeling.result import TrainingResult
from churn.modeling.served import ServedModel

FORMAT: Final = 1
_FILES: Final = {"skops": "estimator.skops", "xgboost": "estimator.ubj"}
_RETRAIN: Final = "Roll back with `churn models rollback`, or train again."


def save_bundle(result: TrainingResult, folder: Path) -> None:
    """Write the bundle to `folder`, which must not exist yet.

    Raises ModelError where it does, ResourceError where the disk refuses; in both cases nothing is left behind.
    """
    if folder.exists():
        raise ModelError("a bundle is already there", where=str(folder), remedy="Bundles are never overwritten.")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    except OSError as error:
        raise _unwritable(folder, error) from error
    try:
        _write(result, scratch)
        scratch.chmod(0o755)
        scratch.rename(folder)
        _sync(folder.parent)
    except OSError as error:
        raise _unwritable(folder, error) from error
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def load_bundle(folder: Path) -> ServedModel:
    """Return the model in `folder`.

    Raises ModelError where a file is missing or altered, the format is another, or the estimator's file holds any type
    other than those its candidate is known to need: such a file is never executed.
    """
    _verify(folder)
    values = _read_json(folder / "model.json")
    try:
        entry = candidate(values["kind"])
        from churn.snapshots.policy import SnapshotPolicy
        from churn.warehouse.sql_models import FeatureDoc

        return ServedModel(
            kind=entry.name,
            features=tuple(FeatureDoc(**doc) for doc in values["features"]),
            policy=SnapshotPolicy.from_dict(values["policy"]),
            fingerprint=values["fingerprint"],
            encoder=Encoder.from_json(values["encoder"]),
            estimator=_load_estimator(entry, folder),
            calibrator=calibrator_from_json(values["calibrator"]),
            background=np.load(folder / "background.npy", allow_pickle=False),
            threshold=float("inf") if values["threshold"] is None else float(values["threshold"]),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ModelError(f"the bundle cannot be read: {error}", where=str(folder), remedy=_RETRAIN) from error


def load_evaluation(folder: Path) -> pl.DataFrame:
    """Return the test rows: customer_id, snapshot_date, has_churned, raw_score, churn_probability, monthly_margin."""
    _verify(folder)
    return pl.read_parquet(folder / "evaluation.parquet")


def load_card(folder: Path) -> dict[str, Any]:
    """Return the model card. Raises ModelError where the bundle is missing or altered."""
    _verify(folder)
    return _read_json(folder / "card.json")


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
    _write_json(folder / "model.json", values)
    _save_estimator(candidate(model.kind), model.estimator, folder)
    np.save(folder / "background.npy", model.background, allow_pickle=False)
    result.evaluation.write_parquet(folder / "evaluation.parquet")
    _write_json(folder / "card.json", result.card)
    (folder / "card.md").write_text(card_markdown(result.card), encoding="utf-8")
    digests = {path.name: _digest(path) for path in sorted(folder.iterdir())}
    _write_json(folder / "manifest.json", {"format": FORMAT, "files": digests})
    for path in folder.iterdir():
        _sync(path)


def _save_estimator(entry: Candidate, estimator: Any, folder: Path) -> None:
    path = folder / _FILES[entry.stored_as]
    if entry.stored_as == "xgboost":
        estimator.save_model(path)
        return
    import skops.io

    skops.io.dump(estimator, path)
    unknown = set(skops.io.get_untrusted_types(file=path)) - set(entry.trusted)
    if unknown:
        raise ModelError(
            f"candidate {entry.name} holds types that are not on its trusted list: {', '.join(sorted(unknown))}",
            where="candidates",
            remedy="Name them in the candidate's `trusted`, after making sure that they are harmless.",
        )


def _load_estimator(entry: Candidate, folder: Path) -> Any:
    path = folder / _FILES[entry.stored_as]
    if entry.stored_as == "xgboost":
        import xgboost

        booster = xgboost.Booster()
        try:
            booster.load_model(path)
        except xgboost.core.XGBoostError as error:
            raise ModelError("the estimator cannot be read", where=str(path), remedy=_RETRAIN) from error
        return booster
    import skops.io

    try:
        unknown = set(skops.io.get_untrusted_types(file=path)) - set(entry.trusted)
        if unknown:
            raise ModelError(
                f"the estimator holds types that are not trusted: {', '.join(sorted(unknown))}",
                where=str(path),
                remedy=_RETRAIN,
            )
        return skops.io.load(path, trusted=list(entry.trusted))
    except (zipfile.BadZipFile, OSError, skops.io.exceptions.UntrustedTypesFoundException) as error:
        raise ModelError("the estimator cannot be read", where=str(path), remedy=_RETRAIN) from error


def _verify(folder: Path) -> None:
    """Raise ModelError unless every file is as the manifest says. Guards against damage and stray edits."""
    if not folder.is_dir():
        raise ModelError("no such model bundle", where=str(folder), remedy="See `churn models list`, or train again.")
    manifest = _read_json(folder / "manifest.json")
    if manifest.get("format") != FORMAT:
        raise ModelError(
            f"the bundle has format {manifest.get('format')}, this version reads {FORMAT}",
            where=str(folder),
            remedy=_RETRAIN,
        )
    for name, digest in dict(manifest.get("files", {})).items():
        path = folder / Path(name).name
        if not path.is_file():
            raise ModelError(f"the bundle lacks {name}", where=str(folder), remedy=_RETRAIN)
        if _digest(path) != digest:
            raise ModelError(f"{name} was altered after it was written", where=str(folder), remedy=_RETRAIN)


def _read_json(path: Path) -> dict[str, Any]:
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError(f"{path.name} cannot be read", where=str(path.parent), remedy=_RETRAIN) from error
    if not isinstance(values, dict):
        raise ModelError(f"{path.name} holds no object", where=str(path.parent), remedy=_RETRAIN)
    return values


def _write_json(path: Path, values: dict[str, Any]) -> None:
    text = json.dumps(values, indent=1, allow_nan=False, ensure_ascii=False, default=str)
    path.write_text(text + "\n", encoding="utf-8")


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _unwritable(folder: Path, error: OSError) -> ResourceError:
    return ResourceError(
        f"the model cannot be written: {error.strerror or error}",
        where=str(folder),
        remedy="Free disk space or mend the folder's permissions; the model in use is untouched.",
    )
