"""Draws customers with replacement, the same draws for every candidate, so that differences can be judged in pairs."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from churn.modeling.encoding.columns import Floats


@dataclass(frozen=True)
class Interval:
    """A figure with the range that 95 % of the bootstrap draws fall in."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class CustomerDraws:
    """`counts` (draws, customers): how often each customer was drawn; `customer` (n,): whose each row is."""

    counts: NDArray[np.uint8]
    customer: NDArray[np.int64]

    @classmethod
    def of(cls, customer: NDArray[np.int64], *, draws: int, seed: int) -> CustomerDraws:
        """Draw all customers with replacement `draws` times; all rows of a customer come together."""
        _, codes = np.unique(customer, return_inverse=True)
        size = int(codes.max()) + 1 if codes.size else 0
        rng = np.random.default_rng(seed)
        counts = np.empty((draws, size), dtype=np.uint8)
        for d in range(draws):
            counts[d] = np.minimum(np.bincount(rng.integers(0, size, size=size), minlength=size), 255)
        return cls(counts, codes.astype(np.int64))

    @property
    def draws(self) -> int:
        """How many draws there are."""
        return int(self.counts.shape[0])

    @cached_property
    def rows(self) -> Floats:
        """Number of rows in each draw, (draws,)."""
        return self.totals(np.ones(self.customer.size))

    def weights(self, draw: int) -> Floats:
        """Return how often each row was drawn, (n,)."""
        return np.asarray(self.counts[draw].astype(np.float64)[self.customer])

    def totals(self, values: Floats) -> Floats:
        """Return the sum of `values` (n,) over the rows of each draw, (draws,)."""
        per_customer = np.bincount(self.customer, weights=values, minlength=self.counts.shape[1])
        return np.array([row @ per_customer for row in self.counts.astype(np.float32)], dtype=np.float64)


def interval(value: float, drawn: Floats) -> Interval:
    """Return `value` with the 2.5 % and 97.5 % points of `drawn`, leaving out draws where it is not defined."""
    known = drawn[np.isfinite(drawn)]
    if not known.size:
        return Interval(value, value, value)
    low, high = np.quantile(known, (0.025, 0.975))
    return Interval(value, float(low), float(high))
