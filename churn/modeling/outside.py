"""A model that was learnt elsewhere: what it takes, how it is kept without pickle, and how its scores come about.

    scikit-learn     kept by skops, unless it is all trees that we read: then as plain arrays
    XGBoost          its own UBJSON
    LightGBM         its own text
    CatBoost         its own binary format
    a class          of an installed package that says so by an entry point `churn.models`: its own bytes

Loading a class runs its package's code. Only what was installed to be a model of churn is ever imported: a bundle names an
entry point, never a module.
"""

from __future__ import annotations

import importlib
import json
import tempfile
import zipfile
from dataclasses import dataclass, field
from functools import cached_property
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, Final, Literal, Protocol, Self

import numpy as np
import polars as pl

from churn.documents.document import Document
from churn.errors import ConfigError, ModelError
from churn.modeling.encoding.columns import Floats
from churn.modeling.encoding.encoder import Matrix
from churn.modeling.plain_trees import PlainTrees
from churn.modeling.reasons.hist_boosting import read_hist_boosting
from churn.modeling.reasons.trees import Ensemble, read_forest, read_xgboost

Form = Literal["skops", "forest", "trees", "xgboost", "lightgbm", "catboost", "class"]
GROUP: Final = "churn.models"  # of entry points
_ENDINGS: Final[dict[Form, str]] = {
    "skops": ".skops",
    "forest": ".skops",
    "trees": ".npz",
    "xgboost": ".ubj",
    "lightgbm": ".txt",
    "catboost": ".cbm",
    "class": ".bin",
}
_LOGISTIC: Final = frozenset({"binary:logistic", "reg:logistic"})
_NEAREST: Final = 1e-7  # probabilities of 0 and 1 have no log-odds
_REMEDY: Final = (
    "Register a scikit-learn, XGBoost, LightGBM or CatBoost classifier, or an object of a class that an installed package "
    f"names among its entry points `{GROUP}`, with predict_proba, to_bytes and from_bytes."
)


class OwnModel(Protocol):
    """What a class of the user's has: probabilities of a frame of its features, and bytes that it can be made of again."""

    def predict_proba(self, frame: pl.DataFrame) -> Any:  # an array of (n,) or (n, 2), of whatever library
        """Return the probability of churn of each row."""

    def to_bytes(self) -> bytes:
        """Return all that `from_bytes` needs."""

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Return the object that `to_bytes` was asked of."""


class OutsideFile(Document):
    """estimator.json of a model made elsewhere; `levels` by feature are the words behind the codes of a category."""

    form: Form
    features: tuple[str, ...]
    levels: dict[str, tuple[str, ...]]
    entry_point: str | None


@dataclass(frozen=True, eq=False)  # one model is itself and no other: explanations are cached by it
class Outside:
    """`model` is of a library or a class of its own. Its matrix has one column per feature, NaN where unknown."""

    form: Form
    model: Any
    features: tuple[str, ...]
    levels: dict[str, tuple[str, ...]] = field(default_factory=dict)
    entry_point: str | None = None

    @cached_property
    def ensemble(self) -> Ensemble | None:
        """Its trees, if they are trees that add up to its raw score: then its reasons are exact."""
        match self.form:
            case "xgboost":
                return read_xgboost(self.model)
            case "forest":
                return read_forest(self.model)
            case "trees":
                ensemble: Ensemble = self.model.ensemble
                return ensemble
        return None

    def scores(self, X: Matrix) -> Floats:
        """Return log-odds, (n,); of a forest the probability, which is the mean of its trees."""
        if self.form == "xgboost":
            margin = self.model.inplace_predict(X, predict_type="margin", missing=np.nan)
            return np.asarray(margin, dtype=np.float64)
        if self.form == "trees":
            scores: Floats = self.model.scores(X)
            return scores
        p = self._probability(X)
        if self.form == "forest":
            return p
        p = np.clip(p, _NEAREST, 1.0 - _NEAREST)
        log_odds: Floats = np.log(p) - np.log1p(-p)
        return log_odds

    def _probability(self, X: Matrix) -> Floats:
        if self.form == "lightgbm":
            answer = np.asarray(self.model.predict(X), dtype=np.float64)
        elif self.form == "class" or self.levels:
            answer = np.asarray(self.model.predict_proba(self._frame(X)), dtype=np.float64)
        else:
            answer = np.asarray(self.model.predict_proba(X), dtype=np.float64)
        p = answer[:, 1] if answer.ndim == 2 and answer.shape[1] == 2 else answer.reshape(-1)
        if p.shape != (len(X),) or not ((p >= 0) & (p <= 1)).all():
            raise ModelError("its predict_proba gives no probability for each row", where="model", remedy=_REMEDY)
        return p

    def _frame(self, X: Matrix) -> pl.DataFrame:
        """Return the rows as a frame: numbers as they are, null where unknown; categories as words."""
        columns = []
        for place, name in enumerate(self.features):
            values = pl.Series(name, X[:, place].astype(np.float64)).fill_nan(None)
            if name in self.levels:
                words = dict(enumerate(self.levels[name]))
                codes = values.cast(pl.Int64)
                values = codes.replace_strict(words, default=None, return_dtype=pl.String)
            columns.append(values)
        return pl.DataFrame(columns)

    def save(self, folder: Path, name: str) -> None:
        """Write `name`.json and the model's own file into `folder`. Raises ModelError for what only pickle could keep."""
        path = folder / f"{name}{_ENDINGS[self.form]}"
        match self.form:
            case "trees":
                self.model.save(path)
            case "xgboost" | "lightgbm":
                self.model.save_model(str(path))
            case "catboost":
                self.model.save_model(str(path), format="cbm")
            case "class":
                path.write_bytes(self.model.to_bytes())
            case "skops" | "forest":
                _dump(self.model, path)
        file = OutsideFile(form=self.form, features=self.features, levels=self.levels, entry_point=self.entry_point)
        (folder / f"{name}.json").write_text(file.model_dump_json(indent=1) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, folder: Path, file: OutsideFile, name: str) -> Outside:
        """Return the model that `file` describes. Raises ModelError where its library or class is not installed here."""
        path = folder / f"{name}{_ENDINGS[file.form]}"
        return cls(file.form, _loaded(file, path), file.features, file.levels, file.entry_point)


def outside_model(
    model: Any, features: tuple[str, ...], levels: dict[str, tuple[str, ...]], X: Matrix, weight: Floats
) -> Outside:
    """Take a fitted model in; `X` (n, m) and `weight` (n,) are rows like those that it learnt from.

    Raises ModelError for one that is not fitted, not of two classes, or of a kind that cannot be kept without pickle.
    """
    entry_point = _entry_point_of(model)
    if entry_point is not None:
        return _tried(Outside("class", model, features, levels, entry_point), X)
    library = type(model).__module__.partition(".")[0]
    if library != "sklearn" and levels:
        raise ModelError(
            f"`{next(iter(levels))}` is a category, and this model takes numbers",
            where="features",
            remedy="Leave it out, register a scikit-learn pipeline that encodes it, or wrap the model in a class.",
        )
    match library:
        case "xgboost":
            return _tried(Outside("xgboost", _booster(model), features), X)
        case "lightgbm":
            return _tried(Outside("lightgbm", getattr(model, "booster_", model), features), X)
        case "catboost":
            return _tried(Outside("catboost", model, features), X)
        case "sklearn":
            outside = _of_sklearn(model, features, levels, X, weight)
            with tempfile.TemporaryDirectory() as scratch:  # refused now, not after it was judged
                outside.save(Path(scratch), "tried")
            return _tried(outside, X)
    raise ModelError(f"a `{type(model).__name__}` cannot be kept without pickle", where="model", remedy=_REMEDY)


def _tried(outside: Outside, X: Matrix) -> Outside:
    """Return the model after it scored a few rows. Raises ModelError in our words for whatever its library raises."""
    try:
        outside.scores(X[:5])
    except ModelError:
        raise
    except Exception as error:  # whatever the libraries raise for rows that do not fit
        raise ModelError(
            f"it cannot score rows of {len(outside.features)} features: {error}",
            where="model",
            remedy="Give the features that it was fitted on, in that order, and fit it before.",
        ) from error
    return outside


def _booster(model: Any) -> Any:
    """Return the XGBoost booster up to its best round."""
    booster = model.get_booster() if hasattr(model, "get_booster") else model
    best = getattr(model, "best_iteration", None) if getattr(model, "early_stopping_rounds", None) else None
    booster = booster.copy() if best is None else booster[: int(best) + 1]  # the caller's own stays as it is
    objective = json.loads(booster.save_config())["learner"]["objective"]["name"]
    if objective not in _LOGISTIC:
        raise ModelError(
            f"its objective is {objective}, which gives no probability of churn",
            where="model",
            remedy="Fit it with binary:logistic.",
        )
    booster.feature_names = None  # rows come as a matrix
    booster.feature_types = None
    return booster


def _of_sklearn(
    model: Any, features: tuple[str, ...], levels: dict[str, tuple[str, ...]], X: Matrix, weight: Floats
) -> Outside:
    from sklearn.ensemble import ExtraTreesClassifier, HistGradientBoostingClassifier, RandomForestClassifier

    if not levels and isinstance(model, HistGradientBoostingClassifier):
        try:
            trees = Outside("trees", PlainTrees(read_hist_boosting(model, X, weight)), features)
        except (ModelError, AttributeError):
            return Outside("skops", model, features)
        if np.allclose(trees.scores(X[:500]), model.decision_function(X[:500]), atol=1e-5):
            return trees
    if not levels and isinstance(model, RandomForestClassifier | ExtraTreesClassifier):
        return Outside("forest", model, features)
    return Outside("skops", model, features, levels)


def _dump(model: Any, path: Path) -> None:
    import skops.io

    skops.io.dump(model, path)
    unknown = _untrusted(path)
    if unknown:
        raise ModelError(
            f"it holds types that are not known to be harmless: {', '.join(unknown)}", where="model", remedy=_REMEDY
        )


# Types of scikit-learn and NumPy that skops does not list, each plain data of compiled code.
_HARMLESS: Final = frozenset(
    {
        "numpy.dtype",
        "sklearn.tree._tree.Tree",
        "sklearn.neural_network._stochastic_optimizers.AdamOptimizer",
        "sklearn._loss.link.LogitLink",
        "sklearn._loss.link.Interval",
        "sklearn._loss.loss.HalfBinomialLoss",
        "sklearn._loss._loss.CyHalfBinomialLoss",
    }
)


def _untrusted(path: Path) -> list[str]:
    import skops.io

    return sorted(set(skops.io.get_untrusted_types(file=path)) - _HARMLESS)


def _loaded(file: OutsideFile, path: Path) -> Any:
    if file.form == "trees":
        return PlainTrees.load(path)
    if file.form == "class":
        return _own_class(file.entry_point or "").from_bytes(path.read_bytes())
    library = "skops" if file.form in {"skops", "forest"} else file.form
    try:
        importlib.import_module(library)
    except ImportError as error:
        raise ModelError(
            f"the model needs {library}, which is not installed", where=str(path), remedy=f"pip install {library}"
        ) from error
    try:
        return _of_library(file.form, path)
    except ModelError:
        raise
    except Exception as error:  # whatever the libraries raise for a damaged file
        raise ModelError(f"{path.name} cannot be read: {error}", where=str(path.parent)) from error


def _of_library(form: Form, path: Path) -> Any:
    match form:
        case "xgboost":
            import xgboost

            booster = xgboost.Booster()
            booster.load_model(path)
            return booster
        case "lightgbm":
            import lightgbm

            return lightgbm.Booster(model_file=str(path))
        case "catboost":
            import catboost

            return catboost.CatBoostClassifier().load_model(str(path))
    import skops.io

    try:
        if unknown := _untrusted(path):
            raise ModelError(f"it holds types that are not trusted: {', '.join(unknown)}", where=str(path))
        return skops.io.load(path, trusted=sorted(_HARMLESS & set(skops.io.get_untrusted_types(file=path))))
    except (zipfile.BadZipFile, OSError) as error:
        raise ModelError("the estimator cannot be read", where=str(path)) from error


def _entry_point_of(model: Any) -> str | None:
    """Return the name of the entry point that names the class of `model`; None where no installed package does."""
    own = f"{type(model).__module__}:{type(model).__qualname__}"
    return next((point.name for point in entry_points(group=GROUP) if point.value == own), None)


def _own_class(name: str) -> type[OwnModel]:
    point = next((point for point in entry_points(group=GROUP) if point.name == name), None)
    if point is None:
        raise ModelError(
            f"no installed package has an entry point `{name}` in `{GROUP}`",
            where="model",
            remedy="Install the package that the model's class comes from.",
        )
    try:
        loaded: type[OwnModel] = point.load()
    except (ImportError, AttributeError) as error:
        raise ConfigError(f"entry point `{name}` cannot be loaded: {error}", where=GROUP) from error
    return loaded
