"""Reads scikit-learn's histogram gradient boosting into plain trees whose covers are weights of training rows."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from churn.errors import ModelError
from churn.modeling.reasons.trees import Ensemble, Tree, strict_threshold
from churn.modeling.reasons.walk import passed_weight


def read_hist_boosting(
    estimator: Any, X: NDArray[np.float32], weight: NDArray[np.float64], *, rounds: int | None = None
) -> Ensemble:
    """Return a fitted binary HistGradientBoostingClassifier's trees; the raw score is its decision function (log-odds).

    `X` (n, m) and `weight` (n,) are the rows it learnt from: scikit-learn's nodes count rows, whatever they weigh, so
    each node's cover is computed here by walking them. `rounds` keeps the first trees only. Raises ModelError for one
    of more classes or with splits by category.
    """
    iterations = estimator._predictors[:rounds]  # noqa: SLF001 - its trees are nowhere else
    if any(len(trees) != 1 for trees in iterations) or any(
        trees[0].nodes["is_categorical"].any() for trees in iterations
    ):
        raise ModelError("only two classes and splits by number can be read", where="hist_gradient_boosting")
    trees = tuple(_tree(trees[0].nodes, X, weight) for trees in iterations)
    offset = estimator._baseline_prediction.item()  # noqa: SLF001 - the log-odds that its trees add to
    return Ensemble(trees, float(offset), int(estimator.n_features_in_))


def _tree(nodes: NDArray[Any], X: NDArray[np.float32], weight: NDArray[np.float64]) -> Tree:
    is_leaf = nodes["is_leaf"].astype(np.bool_)
    tree = Tree(
        left=np.where(is_leaf, -1, nodes["left"].astype(np.int64)).astype(np.int32),
        right=np.where(is_leaf, -1, nodes["right"].astype(np.int64)).astype(np.int32),
        feature=np.where(is_leaf, 0, nodes["feature_idx"]).astype(np.int32),
        threshold=strict_threshold(np.where(is_leaf, 0.0, nodes["num_threshold"])),
        missing_left=nodes["missing_go_to_left"].astype(np.bool_),
        value=np.where(is_leaf, nodes["value"], 0.0).astype(np.float64),
        cover=np.zeros(is_leaf.size),
    )
    return replace(tree, cover=passed_weight(tree, X, weight))
