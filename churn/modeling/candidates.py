"""The candidates that compete in training. To add one, add an entry to `CANDIDATES`."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal

import numpy as np
import polars as pl

from churn.errors import ConfigError, ModelError
from churn.modeling.averaging import Average
from churn.modeling.encoding.columns import Floats, categories, kind_of
from churn.modeling.encoding.encoder import LINEAR, NATIVE, SMOOTH, TREES, Matrix, Recipe
from churn.modeling.learners import (
    Learn,
    Learnt,
    Parameters,
    Sample,
    Score,
    learn_forest,
    learn_hist_boosting,
    learn_logistic,
    learn_mlp,
    learn_xgboost,
    score_forest,
    score_linear,
    score_mlp,
    score_plain_trees,
    score_xgboost,
)
from churn.modeling.outside import Outside

RawUnit = Literal["log_odds", "probability"]
_FEW_LEVELS: Final = 4


@dataclass(frozen=True)
class Candidate:
    """One kind of model.

    `learn` fits it, `score` gives its raw score in `raw_unit`; `defaults` are its parameters when nothing is tuned and
    `search` draws others from an Optuna trial, after those of `starts`, each tried with `draft` laid over to make it
    quick. Tuning gets
    `budget_weight` of the minutes; `trial_seconds` is what one trial takes at 25,000 rows x 80 columns on one core.
    `stored_as` is how the estimator is kept in a bundle, `trusted` the types beyond scikit-learn's public ones that
    such a file may hold. `keeps_direction`: can promise that risk only rises, or only falls, with a number.
    `members` names the candidates that one which learns nothing itself is the average of.
    """

    name: str
    title: str
    recipe: Recipe
    raw_unit: RawUnit
    learn: Learn
    score: Score
    defaults: Parameters
    search: Callable[[Any], dict[str, float]]
    starts: tuple[Parameters, ...] = ()
    budget_weight: float = 1.0
    trial_seconds: float = 3.0
    draft: Parameters = field(default_factory=dict)
    stored_as: Literal["skops", "xgboost", "trees", "outside"] = "skops"
    trusted: tuple[str, ...] = ()
    keeps_direction: bool = False
    members: tuple[str, ...] = ()


def _search_xgboost(trial: Any) -> dict[str, float]:
    return {
        "depth": trial.suggest_int("depth", 3, 8),
        "eta": trial.suggest_float("eta", 0.03, 0.2, log=True),
        "min_child_weight": trial.suggest_float("min_child_weight", 0.5, 30.0, log=True),
        "subsample": trial.suggest_float("subsample", 0.6, 1.0),
        "feature_share": trial.suggest_float("feature_share", 0.3, 1.0),
        "l2": trial.suggest_float("l2", 0.5, 30.0, log=True),
    }


CANDIDATES: Final[tuple[Candidate, ...]] = (
    Candidate(
        name="logistic_regression",
        title="Logistic regression",
        recipe=LINEAR,
        raw_unit="log_odds",
        learn=learn_logistic,
        score=score_linear,
        defaults={"C": 0.1},
        search=lambda trial: {"C": trial.suggest_float("C", 1e-3, 10.0, log=True)},
        budget_weight=0.2,
        trial_seconds=0.5,
    ),
    Candidate(
        name="random_forest",
        title="Random forest",
        recipe=TREES,
        raw_unit="probability",
        learn=learn_forest,
        score=score_forest,
        defaults={"trees": 100, "leaves": 64, "min_leaf": 10, "feature_share": 0.2},
        search=lambda trial: {
            "leaves": trial.suggest_int("leaves", 32, 512, log=True),
            "min_leaf": trial.suggest_int("min_leaf", 3, 60, log=True),
            "feature_share": trial.suggest_float("feature_share", 0.1, 0.35),
        },
        starts=({"leaves": 512, "min_leaf": 3, "feature_share": 0.3},),
        trial_seconds=2.5,
        draft={"trees": 40},
        trusted=("sklearn.tree._tree.Tree",),
        keeps_direction=True,
    ),
    Candidate(
        name="shallow_xgboost",
        title="Shallow XGBoost",
        recipe=TREES,
        raw_unit="log_odds",
        learn=learn_xgboost,
        score=score_xgboost,
        defaults={
            "depth": 3,
            "eta": 0.05,
            "min_child_weight": 5.0,
            "subsample": 0.8,
            "feature_share": 0.5,
            "l2": 10.0,
            "rounds": 200,
        },
        search=lambda trial: {
            "depth": trial.suggest_int("depth", 2, 3),
            "eta": trial.suggest_float("eta", 0.03, 0.1, log=True),
            "min_child_weight": trial.suggest_float("min_child_weight", 1.0, 50.0, log=True),
            "subsample": trial.suggest_float("subsample", 0.6, 1.0),
            "feature_share": trial.suggest_float("feature_share", 0.3, 0.7),
            "l2": trial.suggest_float("l2", 1.0, 50.0, log=True),
        },
        budget_weight=0.5,
        trial_seconds=2.0,
        stored_as="xgboost",
        keeps_direction=True,
    ),
    Candidate(
        name="xgboost",
        title="XGBoost",
        recipe=TREES,
        raw_unit="log_odds",
        learn=learn_xgboost,
        score=score_xgboost,
        defaults={
            "depth": 4,
            "eta": 0.08,
            "min_child_weight": 5.0,
            "subsample": 0.8,
            "feature_share": 0.6,
            "l2": 5.0,
            "rounds": 200,
        },
        search=_search_xgboost,
        starts=({"depth": 6, "eta": 0.05, "min_child_weight": 1.0, "subsample": 1.0, "feature_share": 1.0, "l2": 1.0},),
        budget_weight=2.0,
        trial_seconds=2.5,
        stored_as="xgboost",
        keeps_direction=True,
    ),
    Candidate(
        name="native_xgboost",
        title="XGBoost by category",
        recipe=NATIVE,
        raw_unit="log_odds",
        learn=learn_xgboost,
        score=score_xgboost,
        defaults={
            "depth": 5,
            "eta": 0.05,
            "min_child_weight": 2.0,
            "subsample": 0.9,
            "feature_share": 0.8,
            "l2": 2.0,
            "rounds": 150,
        },
        search=_search_xgboost,
        trial_seconds=2.5,
        stored_as="xgboost",
        keeps_direction=True,
    ),
    Candidate(
        name="hist_gradient_boosting",
        title="Histogram gradient boosting",
        recipe=TREES,
        raw_unit="log_odds",
        learn=learn_hist_boosting,
        score=score_plain_trees,
        defaults={"eta": 0.05, "leaves": 31, "min_leaf": 20, "l2": 0.1, "feature_share": 1.0, "rounds": 120},
        search=lambda trial: {
            "eta": trial.suggest_float("eta", 0.03, 0.2, log=True),
            "leaves": trial.suggest_int("leaves", 6, 40, log=True),
            "min_leaf": trial.suggest_int("min_leaf", 5, 60, log=True),
            "l2": trial.suggest_float("l2", 0.1, 30.0, log=True),
            "feature_share": trial.suggest_float("feature_share", 0.3, 1.0),
        },
        starts=({"leaves": 8, "min_leaf": 40, "l2": 10.0, "feature_share": 0.5},),
        trial_seconds=2.5,
        stored_as="trees",
        keeps_direction=True,
    ),
    Candidate(
        name="mlp",
        title="Neural network",
        recipe=SMOOTH,
        raw_unit="log_odds",
        learn=learn_mlp,
        score=score_mlp,
        defaults={"width": 32, "alpha": 1.0, "rate": 1e-3, "epochs": 20},
        search=lambda trial: {
            "width": trial.suggest_categorical("width", [16, 32, 64]),
            "alpha": trial.suggest_float("alpha", 0.03, 10.0, log=True),
            "rate": trial.suggest_float("rate", 5e-4, 5e-3, log=True),
        },
        trusted=("sklearn.neural_network._stochastic_optimizers.AdamOptimizer",),
    ),
)


def _score_average(estimator: Average, X: Matrix) -> Floats:
    """Return log-odds, (n,)."""
    total = np.full(len(X), estimator.intercept)
    for member in estimator.members:
        part = np.ascontiguousarray(X[:, member.columns])
        total += member.weight * candidate(member.name).score(member.estimator, part)
    return total


def _learns_nothing(_data: Sample, _params: Parameters, _seed: int, _watch: Sample | None) -> Learnt:
    raise ModelError("an average learns nothing but the weights of its members", where="candidate average")


# The network is no member: its reasons are approximate, and an average's are as exact as its members'.
AVERAGE: Final = Candidate(
    name="average",
    title="Average of models",
    recipe=TREES,
    raw_unit="log_odds",
    learn=_learns_nothing,
    score=_score_average,
    defaults={},
    search=lambda _trial: {},
    members=(
        "logistic_regression",
        "random_forest",
        "shallow_xgboost",
        "xgboost",
        "native_xgboost",
        "hist_gradient_boosting",
    ),
    keeps_direction=True,
)


def _learnt_elsewhere(_data: Sample, _params: Parameters, _seed: int, _watch: Sample | None) -> Learnt:
    raise ModelError(
        "a model made elsewhere is not fitted here",
        where="training.candidates",
        remedy="Fit it where it is made, and register it with home.register.",
    )


def _score_outside(estimator: Outside, X: Matrix) -> Floats:
    return estimator.scores(X)


# Models that were fitted elsewhere, see churn.modeling.outside: registered, never trained.
OUTSIDE: Final = Candidate(
    name="outside",
    title="Model made elsewhere",
    recipe=TREES,
    raw_unit="log_odds",
    learn=_learnt_elsewhere,
    score=_score_outside,
    defaults={},
    search=lambda _trial: {},
    stored_as="outside",
)
OUTSIDE_FOREST: Final = replace(OUTSIDE, name="outside_forest", title="Forest made elsewhere", raw_unit="probability")
_REGISTERED: Final = (OUTSIDE, OUTSIDE_FOREST)


def candidate(name: str) -> Candidate:
    """Return the candidate of that name. Raises ConfigError that suggests the nearest known one."""
    for entry in (*CANDIDATES, AVERAGE, *_REGISTERED):
        if entry.name == name:
            return entry
    known = [entry.name for entry in (*CANDIDATES, AVERAGE)]
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.4)
    hint = f"Did you mean `{near[0]}`?" if near else f"Known: {', '.join(known)}."
    raise ConfigError(f"no candidate is called `{name}`", where="training.candidates", remedy=hint)


def competing(entries: Sequence[Candidate], frame: pl.DataFrame, features: Sequence[str]) -> list[Candidate]:
    """Return the candidates that the data give something to do: splits by category need one of more than a few values.

    Where there is none, a model of such splits would be another model of one column for each value.
    """
    if not any(entry.recipe.has_codes for entry in entries) or len(entries) == 1:
        return list(entries)
    words = [name for name in features if kind_of(frame[name]) == "category"]
    has_many = any(categories(frame, name).n_unique() > _FEW_LEVELS for name in words)
    return [entry for entry in entries if has_many or not entry.recipe.has_codes]


def candidates(names: Sequence[str]) -> tuple[Candidate, ...]:
    """Return the candidates of those names, each once. Raises ConfigError where one is unknown or none is named."""
    if not names:
        raise ConfigError("no candidate is named", where="training.candidates", remedy="Name one or more.")
    entries = tuple(candidate(name) for name in dict.fromkeys(names))
    if registered := [entry.name for entry in entries if entry in _REGISTERED]:
        raise ConfigError(
            f"`{registered[0]}` is what models made elsewhere are called, which are not trained",
            where="training.candidates",
            remedy="Register such a model from Python, with home.register.",
        )
    return entries
