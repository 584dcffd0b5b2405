"""Scores a few rows by walking an ensemble's trees in flat arrays: what libraries prepare for many rows costs more."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from churn.modeling.reasons.kernel import compile_marked, compiled
from churn.modeling.reasons.trees import Ensemble


@compiled
def _walk(
    x: Any, out: Any, start: Any, left: Any, right: Any, feature: Any, threshold: Any, missing_left: Any, value: Any
) -> None:
    """Add to `out` (n,) what the leaf of each tree holds that a row of x (n, m) falls into; see shap_trees.Tree."""
    for r in range(x.shape[0]):
        for t in range(start.size):
            node = start[t]
            while left[node] >= 0:
                seen = x[r, feature[node]]
                goes_left = missing_left[node] if np.isnan(seen) else seen < threshold[node]
                node = left[node] if goes_left else right[node]
            out[r] += value[node]


class TreeWalk:
    """An ensemble laid out for single rows, from the same trees as the reasons.

    Values are added up in `dtype`, in the order of the trees: as float32, which XGBoost takes, bit by bit.
    """

    def __init__(self, ensemble: Ensemble, dtype: type[np.floating[Any]] = np.float64) -> None:
        trees = ensemble.trees
        sizes = np.array([tree.left.size for tree in trees], dtype=np.int64)
        self._offset = dtype(ensemble.offset)
        self._start = np.cumsum(sizes) - sizes
        offsets = np.repeat(self._start, sizes)
        left = np.concatenate([tree.left for tree in trees])
        right = np.concatenate([tree.right for tree in trees])
        self._left = np.where(left < 0, -1, left + offsets)
        self._right = np.where(right < 0, -1, right + offsets)
        self._feature = np.concatenate([tree.feature for tree in trees])
        self._threshold = np.concatenate([tree.threshold for tree in trees])
        self._missing_left = np.concatenate([tree.missing_left for tree in trees])
        self._value = np.concatenate([tree.value for tree in trees]).astype(dtype)

    def raw_scores(self, matrix: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return the raw score of encoded rows (n, m), (n,), as the library does but for rounding."""
        compile_marked()
        total = np.full(len(matrix), self._offset, dtype=self._value.dtype)
        _walk(
            np.ascontiguousarray(matrix, dtype=np.float32), total, self._start, self._left, self._right, self._feature,
            self._threshold, self._missing_left, self._value,
        )  # fmt: skip
        return total.astype(np.float64)
