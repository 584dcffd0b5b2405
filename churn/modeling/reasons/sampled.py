"""Shapley values of any model, by sampling orders of features: for models whose inside is not read.

A customer is compared with a few customers of the background: starting from one of them, the features are exchanged for the
customer's own one after another, and each is credited with what the score moves by. Each order is taken forwards and
backwards, which cancels most of the luck of the order. Values always add up to the score; they are estimates.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float32]
Floats = NDArray[np.float64]

REFERENCES: Final = 16  # of the background; time grows with them, and the error falls with their root
_CELLS: Final = 20_000_000  # of the matrix that is worked on at once


def sampled_contributions(
    score: Callable[[Matrix], Floats],
    matrix: Matrix,
    references: Matrix,
    group_of: NDArray[np.int64],
    count: int,
    *,
    seed: int = 0,
) -> tuple[Matrix, float]:
    """Return contributions (n, count) in the unit of `score`, and the base: the mean score of `references` (r, m)."""
    base = float(np.mean(score(np.ascontiguousarray(references))))
    gains = np.zeros((len(matrix), count), dtype=np.float64)
    used = np.unique(group_of)
    columns = {int(feature): np.flatnonzero(group_of == feature) for feature in used}
    step = max(1, _CELLS // max(matrix.shape[1], 1))
    rng = np.random.default_rng(seed)
    orders = [rng.permutation(used) for _ in references]
    for start in range(0, len(matrix), step):
        rows = matrix[start : start + step]
        part = gains[start : start + step]
        for reference, order in zip(references, orders, strict=True):
            for sequence in (order, order[::-1]):
                mixed = np.repeat(reference[None, :], len(rows), axis=0)
                before = score(mixed)
                for feature in sequence:
                    own = columns[int(feature)]
                    mixed[:, own] = rows[:, own]
                    now = score(mixed)
                    part[:, feature] += now - before
                    before = now
    gains /= 2.0 * max(len(references), 1)
    return gains.astype(np.float32), base


def spread_references(background: Matrix, size: int = REFERENCES) -> Matrix:
    """Return `size` rows of the background, spread evenly over it."""
    places = np.linspace(0, len(background) - 1, min(size, len(background))).astype(int)
    chosen: Matrix = background[places].astype(np.float32)
    return chosen


def sampling_error(
    score: Callable[[Matrix], Floats], matrix: Matrix, background: Matrix, group_of: NDArray[np.int64], count: int
) -> tuple[float, float]:
    """Return the standard error of a value over the mean size of one, and the share of rows whose strongest reason stands.

    By two independent samples of orders, over the rows of `matrix`.
    """
    references = spread_references(background)
    first, second = (
        sampled_contributions(score, matrix, references, group_of, count, seed=seed)[0].astype(np.float64)
        for seed in (0, 1)
    )
    size = float(np.abs(first + second).mean()) / 2.0
    error = float(np.sqrt(np.mean((first - second) ** 2) / 2.0))
    same = float(np.mean(np.abs(first).argmax(axis=1) == np.abs(second).argmax(axis=1)))
    return (error / size if size > 0.0 else 0.0), same
