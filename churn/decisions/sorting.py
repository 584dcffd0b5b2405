"""Sorting probabilities with what belongs to them, by plain sorts of packed integers, and sums in cache-sized blocks."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from churn.decisions.checks import Bools, Floats


def count_hits(p: Floats, truth: Bools) -> tuple[Floats, NDArray[np.int64], NDArray[np.int64]]:
    """Distinct thresholds, falling, with the customers and the churners at or above each.

    A probability's bits, read as an integer, order like the probability and leave the top two bits free (1.0 is below
    2^62). Shifted left by one they make room for the outcome, so that one plain sort carries it along without loss,
    several times faster than sorting an index and gathering by it. (The shift also turns -0.0 into 0.0.)
    """
    key = np.left_shift(p.view(np.uint64), np.uint64(1))
    np.bitwise_or(key, truth.view(np.uint8), out=key)
    key.sort()
    hits = np.bitwise_and(key, np.uint64(1)).view(np.int64)[::-1]
    np.cumsum(hits, out=hits)
    falling = np.right_shift(key, np.uint64(1), out=key).view(np.float64)[::-1]
    last = last_of_ties(falling)
    return falling[last], counts_at(last, p.size), hits[last]


def falling_order(p: Floats) -> NDArray[np.int64]:
    """Positions of `p` from highest to lowest, equal ones in their order.

    The row number takes the place of the lowest bits, so that a plain sort carries it: several times faster than
    sorting an index. Rows that differ in those bits alone may come out swapped; they are few, and put right after.
    """
    width = np.uint64(max(p.size - 1, 1).bit_length())
    low = np.uint64((1 << int(width)) - 1)
    key = np.invert(np.left_shift(p.view(np.uint64), np.uint64(2)))
    np.bitwise_and(key, np.invert(low), out=key)
    np.bitwise_or(key, np.arange(p.size, dtype=np.uint64), out=key)
    key.sort()
    order = np.bitwise_and(key, low).view(np.int64)
    falling = p[order]
    if np.any(falling[1:] > falling[:-1]):
        np.right_shift(key, width, out=key)
        same = key[1:] == key[:-1]
        among = np.flatnonzero(np.concatenate([same, [False]]) | np.concatenate([[False], same]))
        order[among] = order[among][np.lexsort((order[among], -falling[among], key[among]))]
    return order


def weighted_sum(*terms: tuple[float, NDArray[np.int64] | Floats]) -> Floats:
    """Weighted sum of arrays, block by block: whole-length intermediate arrays cost more than the arithmetic."""
    total = np.empty(terms[0][1].size)
    for start in range(0, total.size, 32_768):
        block = total[start : start + 32_768]
        np.multiply(terms[0][1][start : start + 32_768], terms[0][0], out=block)
        for factor, values in terms[1:]:
            block += factor * values[start : start + 32_768]
    return total


def last_of_ties(falling: Floats) -> NDArray[np.int64] | slice:
    """Where each run of equal probabilities ends; everything, without a copy, where all are distinct."""
    ends = falling[1:] != falling[:-1]
    if ends.all():
        return slice(None)
    return np.flatnonzero(np.concatenate([ends, [True]]))


def counts_at(last: NDArray[np.int64] | slice, size: int) -> NDArray[np.int64]:
    """How many of `size` rows lie at or above each entry that `last_of_ties` picks."""
    return np.arange(1, size + 1) if isinstance(last, slice) else last + 1
