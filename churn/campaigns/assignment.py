"""Splits the chosen into treatment and holdout, by a hash that never changes, each stratum with its share.

A customer's place in the draw is a hash of seed, campaign and customer, so neither the order of rows, nor another
campaign, nor a second run moves it. Within a stratum those first in the draw are held out until it has its share; who
is assigned already counts towards the share and stays as assigned.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from churn.decisions.checks import Bools, Floats

GLOBAL = "global holdout"


@dataclass(frozen=True)
class Arms:
    """How many of a stratum are in each arm."""

    treatment: int = 0
    holdout: int = 0

    @property
    def size(self) -> int:
        """Both arms together."""
        return self.treatment + self.holdout


def places(customers: Sequence[str], *, campaign: str, seed: int) -> Floats:
    """Return each customer's place in the draw of `campaign`, uniform in [0, 1), shape (n,)."""
    prefix = hashlib.blake2b(f"{seed}\n{campaign}\n".encode(), digest_size=8)
    drawn = np.empty(len(customers), dtype=np.uint64)
    for i, customer in enumerate(customers):
        salted = prefix.copy()
        salted.update(customer.encode())
        drawn[i] = int.from_bytes(salted.digest(), "big")
    return (drawn >> np.uint64(11)).astype(np.float64) * 2.0**-53


def global_holdout(customers: Sequence[str], *, share: float, seed: int) -> Bools:
    """Return who is never contacted by any campaign (n,): for good, and whoever joins later by the same hash."""
    if share <= 0:
        return np.zeros(len(customers), dtype=np.bool_)
    return places(customers, campaign=GLOBAL, seed=seed) < share


def held_out(
    customers: Sequence[str],
    strata: Sequence[str],
    *,
    campaign: str,
    seed: int,
    share: float,
    before: Mapping[str, Arms] | None = None,
) -> Bools:
    """Return which of the newly chosen customers are held out, shape (n,).

    `before` counts by stratum those assigned earlier. With them, every stratum's holdout differs from its share by
    less than one customer and so does the whole, unless those assigned earlier exceed it already.
    """
    before = before or {}
    draw = places(customers, campaign=campaign, seed=seed)
    names = np.asarray(strata, dtype=object)
    result = np.zeros(len(customers), dtype=np.bool_)
    wanted = 0
    total = 0
    for stratum in sorted({*strata, *before}):
        rows = np.flatnonzero(names == stratum)
        had = before.get(stratum, Arms())
        total += rows.size + had.size
        # Rounding the running sum keeps the whole within half a customer of the share, and each stratum within one.
        target = int(np.floor(total * share + 0.5)) - wanted
        wanted += target
        count = min(max(target - had.holdout, 0), rows.size)
        result[_first(draw, rows, customers, count)] = True
    return result


def _first(draw: Floats, rows: NDArray[np.intp], customers: Sequence[str], count: int) -> NDArray[np.intp]:
    order = sorted(rows.tolist(), key=lambda i: (draw[i], customers[i]))
    return np.asarray(order[:count], dtype=np.intp)
