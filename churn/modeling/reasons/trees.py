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
class CategorySets:
    """Which nodes of a tree ask for a category, and what they ask; `start` and `size` have one entry per node.

    Where `size` is above 0, a row goes right when `held[start + code]` is true, and left for every other code, those from
    `size` on too.
    """

    start: NDArray[np.int64]
    size: NDArray[np.int64]
    held: NDArray[np.bool_]

    @classmethod
    def none(cls, nodes: int) -> CategorySets:
        """Return that of a tree of so many nodes, all of which ask for a number."""
        zeros = np.zeros(nodes, dtype=np.int64)
        return cls(zeros, zeros, np.zeros(0, dtype=np.bool_))


@dataclass(frozen=True)
class Tree:
    """One tree; every array has one entry per node. A row goes left when `x < threshold`, compared in float32.

    `left` and `right` are -1 at leaves; `value` counts at leaves only, `cover` is the training weight that passed a node.
    A node that `category_sets` has a set for asks for a category instead.
    """

    left: NDArray[np.int32]
    right: NDArray[np.int32]
    feature: NDArray[np.int32]
    threshold: NDArray[np.float32]
    missing_left: NDArray[np.bool_]
    value: NDArray[np.float64]
    cover: NDArray[np.float64]
    category_sets: CategorySets | None = None

    @property
    def sets(self) -> CategorySets:
        """Its category sets, empty ones where no node asks for a category."""
        return self.category_sets or CategorySets.none(self.left.size)


@dataclass(frozen=True)
class Ensemble:
    """Trees whose values add up to the raw score, on top of `offset`; `feature_count` columns go in."""

    trees: tuple[Tree, ...]
    offset: float
    feature_count: int


def read_xgboost(booster: Any, *, tree_count: int | None = None) -> Ensemble:
    """Return a binary-logistic `xgboost.Booster`'s trees; the raw score is the margin (log-odds).

    `tree_count` keeps the first trees only, as early stopping does. Raises ModelError for boosters whose margin is
    not a plain sum of trees.
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
        category_sets=_xgboost_sets(tree, left.size) if any(tree["split_type"]) else None,
    )


def _xgboost_sets(tree: Mapping[str, Sequence[float]], nodes: int) -> CategorySets:
    """Lay out the categories that go right, node by node; XGBoost lists them in one array."""
    every = np.asarray(tree["categories"], dtype=np.int64)
    start, size, tables, width = np.zeros(nodes, dtype=np.int64), np.zeros(nodes, dtype=np.int64), [], 0
    parts = zip(tree["categories_nodes"], tree["categories_segments"], tree["categories_sizes"], strict=True)
    for node, first, count in parts:
        own = every[int(first) : int(first + count)]
        table = np.zeros(int(own.max()) + 1, dtype=np.bool_)
        table[own] = True
        start[int(node)], size[int(node)] = width, table.size
        tables.append(table)
        width += table.size
    return CategorySets(start, size, np.concatenate(tables))


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
        threshold=strict_threshold(np.asarray(tree.threshold, dtype=np.float64)),
        missing_left=np.asarray(tree.missing_go_to_left, dtype=np.bool_),
        value=np.where(left < 0, share * votes[:, 1] / votes.sum(axis=1), 0.0),
        cover=np.asarray(tree.weighted_n_node_samples, dtype=np.float64),
    )


def strict_threshold(threshold: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return the float32 t for which `x < t` says the same of every float32 x as `x <= threshold` does."""
    near = threshold.astype(np.float32)
    above = np.nextafter(near, np.float32(np.inf))
    return np.where(near.astype(np.float64) <= threshold, above, near).astype(np.float32)
