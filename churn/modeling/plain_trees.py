"""An estimator that is nothing but its trees: scored by walking them, kept as plain arrays in one file."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from churn.errors import ModelError
from churn.modeling.encoding.columns import Floats
from churn.modeling.encoding.encoder import Matrix
from churn.modeling.reasons.trees import Ensemble, Tree
from churn.modeling.reasons.walk import TreeWalk

_PER_NODE: Final[dict[str, type[np.generic]]] = {
    "left": np.int32,
    "right": np.int32,
    "feature": np.int32,
    "threshold": np.float32,
    "missing_left": np.bool_,
    "value": np.float64,
    "cover": np.float64,
}


@dataclass(frozen=True, eq=False)  # one fitted model is itself and no other: explanations are cached by it
class PlainTrees:
    """Trees that ask for numbers; the raw score is the sum of their leaves, added up in their order."""

    ensemble: Ensemble

    @cached_property
    def walk(self) -> TreeWalk:
        """What scores rows."""
        return TreeWalk(self.ensemble)

    def scores(self, X: Matrix) -> Floats:
        """Return the raw scores, (n,)."""
        return self.walk.raw_scores(X)

    def save(self, path: Path) -> None:
        """Write the trees to `path`, one array for each field, the trees one behind the other."""
        trees = self.ensemble.trees

        def joined(name: str) -> NDArray[Any]:
            return np.concatenate([getattr(tree, name) for tree in trees]).astype(_PER_NODE[name])

        with path.open("wb") as file:
            np.savez(
                file,
                sizes=np.array([tree.left.size for tree in trees], dtype=np.int64),
                offset=np.float64(self.ensemble.offset),
                feature_count=np.int64(self.ensemble.feature_count),
                left=joined("left"),
                right=joined("right"),
                feature=joined("feature"),
                threshold=joined("threshold"),
                missing_left=joined("missing_left"),
                value=joined("value"),
                cover=joined("cover"),
            )

    @classmethod
    def load(cls, path: Path) -> PlainTrees:
        """Read trees from `path`. Raises ModelError for anything that is not a forest of finite trees of numbers."""
        try:
            with np.load(path, allow_pickle=False) as file:
                ensemble = _ensemble({name: file[name] for name in file.files})
        except (OSError, ValueError, KeyError, EOFError, TypeError) as error:
            raise ModelError(f"{path.name} cannot be read: {error}", where=str(path.parent)) from error
        return cls(ensemble)


def _ensemble(arrays: dict[str, NDArray[Any]]) -> Ensemble:
    sizes = arrays["sizes"].astype(np.int64)
    count = int(arrays["feature_count"])
    if sizes.ndim != 1 or not sizes.size or (sizes < 1).any():
        raise ValueError("the trees have no sizes")
    edges = np.cumsum(sizes)[:-1]
    parts: dict[str, list[NDArray[Any]]] = {}
    for name, kind in _PER_NODE.items():
        if arrays[name].shape != (int(sizes.sum()),):
            raise ValueError(f"`{name}` is not of all nodes")
        parts[name] = np.split(arrays[name].astype(kind), edges)
    trees = tuple(
        Tree(
            left=parts["left"][i],
            right=parts["right"][i],
            feature=parts["feature"][i],
            threshold=parts["threshold"][i],
            missing_left=parts["missing_left"][i],
            value=parts["value"][i],
            cover=parts["cover"][i],
        )
        for i in range(sizes.size)
    )
    for tree in trees:
        _require_sound(tree, count)
    return Ensemble(trees, float(arrays["offset"]), count)


def _require_sound(tree: Tree, count: int) -> None:
    """Raise ValueError for a tree that compiled code would leave, or never come to the end of: children follow parents."""
    size = tree.left.size
    inner = tree.left >= 0
    place = np.arange(size)[inner]
    for child in (tree.left[inner], tree.right[inner]):
        if (child <= place).any() or (child >= size).any():
            raise ValueError("a node's child is not behind it")
    if (tree.feature < 0).any() or (tree.feature >= count).any():
        raise ValueError("a node asks for a column that is not there")
    if not (np.isfinite(tree.value).all() and np.isfinite(tree.cover).all()):
        raise ValueError("a value or weight is no number")
