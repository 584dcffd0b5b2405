"""Reads the trees of an XGBoost or scikit-learn ensemble into one plain form, which the exact Shapley tables are built from."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from churn.errors import ModelError


@dataclass(frozen=True)
class Tree:
    """One tree; every array has one entry per node. A row goes left when `x < threshold`, compared in float32.

    `left` and `right` are -1 at leaves; `value` counts at leaves only, `cover` is the training weight that passed a node.
    """

    left: NDArray[np.int32]
    right: NDArray[np.int32]
    feature: NDArray[np.int32]
    threshold: NDArray[np.float32]
    missing_left: NDArray[np.bool_]
    value: NDArray[np.float64]
    cover: NDArray[np.float64]


@dataclass(frozen=True)
class Ensemble:
    """Trees whose values add up to the raw score, on top of `offset`; `feature_count` columns go in."""

    trees: tuple[Tree, ...]
    offset: float
    feature_count: int


def read_xgboost(booster: Any, *, tree_count: int | None = None) -> Ensemble:
    """Return a binary-logistic `xgboost.Booster`'s trees; the raw score is the margin (log-odds).

    `tree_count` keeps the first trees only, as early stopping does. Raises ModelError for boosters whose margin is
    not a plain sum of trees with numeric splits.
    """
    learner = json.loads(bytes(booster.save_raw("json")))["learner"]
    machine = learner["gradient_booster"]
    if machine["name"] != "gbtree":
        raise ModelError(f"a `{machine['name']}` booster cannot be explained exactly", where="xgboost")
    if any(float(weight) != 1.0 for weight in machine["model"].get("weight_drop", ())):
        raise ModelError("a booster that drops trees cannot be explained exactly", where="xgboost")
    parsed = tuple(_xgboost_tree(tree) for tree in machine["model"]["trees"][:tree_count])
    base = np.float32(str(learner["learner_model_param"]["base_score"]).strip("[]").split(",")[0])
    is_logistic = learner["objective"]["name"] in {"binary:logistic", "reg:logistic"}
    # In float32 and in this form, as XGBoost has it: another rounding would move every margin by a bit.
    offset = float(-np.log(np.float32(1) / base - np.float32(1)) if is_logistic else base)
    return Ensemble(parsed, offset, int(learner["learner_model_param"]["num_feature"]))


def _xgboost_tree(tree: Mapping[str, Sequence[float]]) -> Tree:
    if any(tree["split_type"]):
        raise ModelError("categorical splits cannot be explained exactly", where="xgboost", remedy="Encode as numbers.")
    left = np.asarray(tree["left_children"], dtype=np.int32)
    conditions = np.asarray(tree["split_conditions"], dtype=np.float32)  # thresholds at splits, values at leaves
    return Tree(
        left=left,
        right=np.asarray(tree["right_children"], dtype=np.int32),
        feature=np.asarray(tree["split_indices"], dtype=np.int32),
        threshold=conditions,
        missing_left=np.asarray(tree["default_left"], dtype=np.bool_),
        value=np.where(left < 0, conditions, 0).astype(np.float64),
        cover=np.asarray(tree["sum_hessian"], dtype=np.float64),
    )


def read_forest(forest: Any) -> Ensemble:
    """Return a fitted binary scikit-learn forest's trees; the raw score is the mean share of class 1 in the leaves."""
    if len(forest.classes_) != 2:
        raise ModelError(f"{len(forest.classes_)} classes; reasons are for churn or not", where="random forest")
    count = len(forest.estimators_)
    parsed = tuple(_forest_tree(member.tree_, share=1.0 / count) for member in forest.estimators_)
    return Ensemble(parsed, 0.0, int(forest.n_features_in_))


def _forest_tree(tree: Any, *, share: float) -> Tree:
    left = np.asarray(tree.children_left, dtype=np.int32)
    votes = np.asarray(tree.value, dtype=np.float64)[:, 0, :]
    return Tree(
        left=left,
        right=np.asarray(tree.children_right, dtype=np.int32),
        feature=np.maximum(np.asarray(tree.feature, dtype=np.int32), 0),
        threshold=_strict(np.asarray(tree.threshold, dtype=np.float64)),
        missing_left=np.asarray(tree.missing_go_to_left, dtype=np.bool_),
        value=np.where(left < 0, share * votes[:, 1] / votes.sum(axis=1), 0.0),
        cover=np.asarray(tree.weighted_n_node_samples, dtype=np.float64),
    )


def _strict(threshold: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return the float32 t for which `x < t` says the same of every float32 x as `x <= threshold` does."""
    near = threshold.astype(np.float32)
    above = np.nextafter(near, np.float32(np.inf))
    return np.where(near.astype(np.float64) <= threshold, above, near).astype(np.float32)
