"""Scores a few rows by walking an ensemble's trees in flat arrays, which is faster than a library call prepared for many rows."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from churn.modeling.reasons.kernel import compile_marked, compiled
from churn.modeling.reasons.trees import Ensemble, Tree


@compiled
def _walk(
    x: Any, out: Any, start: Any, left: Any, right: Any, feature: Any, threshold: Any, missing_left: Any, value: Any,
    set_start: Any, set_size: Any, sets: Any,
) -> None:  # fmt: skip
    """Add to `out` (n,) what the leaf of each tree holds that a row of x (n, m) falls into; see trees.Tree."""
    for r in range(x.shape[0]):
        for t in range(start.size):
            node = start[t]
            while left[node] >= 0:
                seen = x[r, feature[node]]
                if np.isnan(seen):
                    goes_left = missing_left[node]
                elif set_size[node] > 0:
                    code = int(seen)
                    goes_left = not (0 <= code < set_size[node] and sets[set_start[node] + code])
                else:
                    goes_left = seen < threshold[node]
                node = left[node] if goes_left else right[node]
            out[r] += value[node]


@compiled
def _pass_rows(
    x: Any, weight: Any, cover: Any, left: Any, right: Any, feature: Any, threshold: Any, missing_left: Any
) -> None:
    """Add each row's weight to `cover` of every node of one tree that it passes; all nodes ask for numbers."""
    for r in range(x.shape[0]):
        node = 0
        cover[node] += weight[r]
        while left[node] >= 0:
            seen = x[r, feature[node]]
            goes_left = missing_left[node] if np.isnan(seen) else seen < threshold[node]
            node = left[node] if goes_left else right[node]
            cover[node] += weight[r]


def passed_weight(tree: Tree, x: NDArray[np.float32], weight: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the weight of the rows x (n, m) that pass each node of a tree without category sets."""
    compile_marked()
    cover = np.zeros(tree.left.size)
    _pass_rows(x, weight, cover, tree.left, tree.right, tree.feature, tree.threshold, tree.missing_left)
    return cover


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
        sets = [tree.sets for tree in trees]
        widths = np.array([own.held.size for own in sets], dtype=np.int64)
        before = np.repeat(np.cumsum(widths) - widths, sizes)
        self._set_start = np.concatenate([own.start for own in sets]) + before
        self._set_size = np.concatenate([own.size for own in sets])
        self._sets = np.concatenate([own.held for own in sets])

    def raw_scores(self, matrix: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return the raw score of encoded rows (n, m), (n,), as the library does but for rounding."""
        compile_marked()
        total = np.full(len(matrix), self._offset, dtype=self._value.dtype)
        _walk(
            np.ascontiguousarray(matrix, dtype=np.float32), total, self._start, self._left, self._right, self._feature,
            self._threshold, self._missing_left, self._value, self._set_start, self._set_size, self._sets,
        )  # fmt: skip
        return total.astype(np.float64)
