"""Writes a model's folder whole or not at all, and refuses one that was altered: no pickle, estimators by skops or UBJSON."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

from pydantic import JsonValue, ValidationError

from churn.documents.document import Document
from churn.errors import ChurnError, ModelError, ResourceError
from churn.modeling.averaging import Average, Member
from churn.modeling.candidates import Candidate, candidate
from churn.modeling.outside import Outside, OutsideFile
from churn.modeling.plain_trees import PlainTrees

FORMAT: Final = 1
RETRAIN: Final = "Roll back with `churn models rollback`, or train again."
_ABANDONED_SECONDS: Final = 3600  # writing a bundle takes seconds
AnyDocument = TypeVar("AnyDocument", bound=Document)
_ENDINGS: Final = {"skops": ".skops", "xgboost": ".ubj", "trees": ".npz"}


@dataclass(frozen=True)
class MemberFile:
    """A member of an average as estimator.json keeps it; its estimator is in a file of its own."""

    name: str
    first_column: int
    last_column: int
    weight: float


class AverageFile(Document):
    """estimator.json: the weights of an average, in log-odds."""

    intercept: float
    members: tuple[MemberFile, ...]


class Manifest(Document):
    """manifest.json: the format of a bundle, and the SHA-256 of every other file by its name."""

    format: int
    files: dict[str, str]


def write_whole(folder: Path, write: Callable[[Path], None]) -> None:
    """Let `write` fill a folder beside `folder`, seal it with the digest of each file, and rename it into place.

    Removes what a killed run left half written. Raises ModelError where `folder` exists, ResourceError where the disk
    refuses; in both cases nothing is left behind.
    """
    if folder.exists():
        raise ModelError("a bundle is already there", where=str(folder), remedy="Bundles are never overwritten.")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    except OSError as error:
        raise _unwritable(folder, error) from error
    _sweep(folder.parent, scratch)
    try:
        write(scratch)
        digests = {path.name: digest(path) for path in sorted(scratch.iterdir())}
        write_json(scratch / "manifest.json", Manifest(format=FORMAT, files=digests).as_json())
        for path in scratch.iterdir():
            _sync(path)
        scratch.rename(folder)
        _sync(folder.parent)
    except OSError as error:
        raise _unwritable(folder, error) from error
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _sweep(models: Path, scratch: Path) -> None:
    """Remove half-written bundles that are too old for another training to be still at work on them."""
    now = scratch.stat().st_mtime
    for left in models.glob(".*-*"):
        if left != scratch and left.is_dir() and left.stat().st_mtime < now - _ABANDONED_SECONDS:
            shutil.rmtree(left, ignore_errors=True)


def reseal(path: Path) -> None:
    """Update the digest of one file of a bundle after a person's rows were removed from it."""
    manifest = read_document(path.parent / "manifest.json", Manifest)
    scratch = path.parent / ".manifest.tmp"
    sealed = Manifest(format=manifest.format, files={**manifest.files, path.name: digest(path)})
    write_json(scratch, sealed.as_json())
    scratch.replace(path.parent / "manifest.json")


def verify(folder: Path) -> None:
    """Raise ModelError unless every file is as the manifest says. Guards against damage and stray edits."""
    if not folder.is_dir():
        raise ModelError("no such model bundle", where=str(folder), remedy="See `churn models list`, or train again.")
    manifest = read_document(folder / "manifest.json", Manifest)
    if manifest.format != FORMAT:
        raise ModelError(
            f"the bundle has format {manifest.format}, this version reads {FORMAT}",
            where=str(folder),
            remedy=RETRAIN,
        )
    unlisted = sorted({path.name for path in folder.iterdir()} - {*manifest.files, "manifest.json"})
    if unlisted:
        raise ModelError(f"{unlisted[0]} is not in the bundle's list", where=str(folder), remedy=RETRAIN)
    for name, sum_ in manifest.files.items():
        path = folder / Path(name).name
        if not path.is_file():
            raise ModelError(f"the bundle lacks {name}", where=str(folder), remedy=RETRAIN)
        if digest(path) != sum_:
            raise ModelError(f"{name} was altered after it was written", where=str(folder), remedy=RETRAIN)


def save_estimator(entry: Candidate, estimator: Any, folder: Path, name: str = "estimator") -> None:
    """Write `estimator` to `folder` under `name`. Raises ModelError for types that its candidate does not declare.

    An average is a JSON file of weights, with each member's estimator in a file of its own beside it.
    """
    if entry.members:
        _save_average(estimator, folder, name)
        return
    if entry.stored_as == "outside":
        estimator.save(folder, name)
        return
    path = folder / f"{name}{_ENDINGS[entry.stored_as]}"
    if entry.stored_as == "xgboost":
        estimator.save_model(path)
        return
    if entry.stored_as == "trees":
        estimator.save(path)
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


def load_estimator(entry: Candidate, folder: Path, name: str = "estimator") -> Any:
    """Return the estimator kept under `name`.

    Raises ModelError where the file cannot be read or holds any type other than those its candidate is known to need:
    such a file is never executed.
    """
    if entry.members:
        return _load_average(entry, folder, name)
    if entry.stored_as == "outside":
        return Outside.load(folder, read_document(folder / f"{name}.json", OutsideFile), name)
    path = folder / f"{name}{_ENDINGS[entry.stored_as]}"
    if entry.stored_as == "xgboost":
        import xgboost

        booster = xgboost.Booster()
        try:
            booster.load_model(path)
        except xgboost.core.XGBoostError as error:
            raise ModelError("the estimator cannot be read", where=str(path), remedy=RETRAIN) from error
        return booster
    if entry.stored_as == "trees":
        return PlainTrees.load(path)
    import skops.io

    try:
        unknown = set(skops.io.get_untrusted_types(file=path)) - set(entry.trusted)
        if unknown:
            raise ModelError(
                f"the estimator holds types that are not trusted: {', '.join(sorted(unknown))}",
                where=str(path),
                remedy=RETRAIN,
            )
        return skops.io.load(path, trusted=list(entry.trusted))
    except (zipfile.BadZipFile, OSError, skops.io.exceptions.UntrustedTypesFoundException) as error:
        raise ModelError("the estimator cannot be read", where=str(path), remedy=RETRAIN) from error


def _save_average(average: Average, folder: Path, name: str) -> None:
    parts = []
    for member in average.members:
        save_estimator(candidate(member.name), member.estimator, folder, f"{name}-{member.name}")
        parts.append(MemberFile(member.name, member.first_column, member.last_column, member.weight))
    write_json(folder / f"{name}.json", AverageFile(intercept=average.intercept, members=tuple(parts)).as_json())


def _load_average(entry: Candidate, folder: Path, name: str) -> Average:
    file = read_document(folder / f"{name}.json", AverageFile)
    strange = sorted({part.name for part in file.members} - set(entry.members))
    if strange:
        raise ModelError(f"{strange[0]} is no member of an average", where=str(folder), remedy=RETRAIN)
    members = tuple(
        Member(
            part.name,
            load_estimator(candidate(part.name), folder, f"{name}-{part.name}"),
            part.first_column,
            part.last_column,
            part.weight,
        )
        for part in file.members
    )
    return Average(file.intercept, members)


def read_json(path: Path) -> dict[str, JsonValue]:
    """Return the object in `path`. Raises ModelError where there is none."""
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ModelError(f"{path.name} cannot be read", where=str(path.parent), remedy=RETRAIN) from error
    if not isinstance(values, dict):
        raise ModelError(f"{path.name} holds no object", where=str(path.parent), remedy=RETRAIN)
    return values


def read_document(path: Path, kind: type[AnyDocument], *, remedy: str = RETRAIN) -> AnyDocument:
    """Return the document in `path`. Raises ModelError where there is none, or one of another shape."""
    try:
        return kind.model_validate(read_json(path))
    except (ChurnError, ArithmeticError, TypeError, RecursionError) as error:  # of a value's own checks
        if isinstance(error, ModelError):
            raise
        raise ModelError(f"{path.name} cannot be read: {error}", where=str(path.parent), remedy=remedy) from error
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"]) or "the whole"
        raise ModelError(
            f"{path.name} cannot be read: `{place}`: {first['msg']}", where=str(path.parent), remedy=remedy
        ) from error


def write_json(path: Path, values: Mapping[str, JsonValue]) -> None:
    """Write `values` to `path`, readable by people too."""
    text = json.dumps(values, indent=1, allow_nan=False, ensure_ascii=False, default=str)
    path.write_text(text + "\n", encoding="utf-8")


def digest(path: Path) -> str:
    """Return the SHA-256 of a file."""
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
