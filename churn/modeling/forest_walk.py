"""Scores rows with a random forest by walking its trees in flat arrays: for a few rows scikit-learn asks each tree in turn."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from churn.modeling.shap_kernel import compiled
from churn.modeling.shap_trees import read_forest


@compiled
def _walk(
    x: Any, out: Any, start: Any, left: Any, right: Any, feature: Any, threshold: Any, missing_left: Any, value: Any
) -> None:
    """Add to `out` (n,) what the leaf of each tree holds that a row of x (n, m) falls into; see shap_trees.Tree."""
    for r in range(x.shape[0]):
        total = 0.0
        for t in range(start.size):
            node = start[t]
            while left[node] >= 0:
                seen = x[r, feature[node]]
                goes_left = missing_left[node] if np.isnan(seen) else seen < threshold[node]
                node = left[node] if goes_left else right[node]
            total += value[node]
        out[r] = total


class WalkedForest:
    """A fitted binary scikit-learn forest, laid out for single rows; reasons are made from the same trees.

    Raises ModelError for a forest of more classes than two.
    """

    def __init__(self, forest: Any) -> None:
        self.classes_, self.estimators_, self.n_features_in_ = (
            forest.classes_,
            forest.estimators_,
            forest.n_features_in_,
        )
        trees = read_forest(forest).trees
        sizes = np.array([tree.left.size for tree in trees])
        self._start = np.cumsum(sizes) - sizes
        offsets = np.repeat(self._start, sizes)
        left = np.concatenate([tree.left for tree in trees])
        right = np.concatenate([tree.right for tree in trees])
        self._left = np.where(left < 0, -1, left + offsets)
        self._right = np.where(right < 0, -1, right + offsets)
        self._feature = np.concatenate([tree.feature for tree in trees])
        self._threshold = np.concatenate([tree.threshold for tree in trees])
        self._missing_left = np.concatenate([tree.missing_left for tree in trees])
        self._value = np.concatenate([tree.value for tree in trees])

    def predict_proba(self, matrix: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return the share of either class (n, 2), as the forest's own `predict_proba` does within rounding."""
        share = np.empty(len(matrix))
        _walk(
            np.ascontiguousarray(matrix, dtype=np.float32), share, self._start, self._left, self._right, self._feature,
            self._threshold, self._missing_left, self._value,
        )  # fmt: skip
        return np.column_stack([1.0 - share, share])
