"""Random numbers that depend only on the seed, the purpose and the month, so that one part can change without changing the others."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Streams:
    """One independent generator per purpose and month."""

    seed: int

    def of(self, purpose: str, month: int = 0) -> np.random.Generator:
        """Return a fresh generator; the same arguments always give the same numbers. `month` may be negative."""
        key = [self.seed, zlib.crc32(purpose.encode()), month + 1_000]
        return np.random.Generator(np.random.SFC64(np.random.SeedSequence(key)))


def rare(random: np.random.Generator, count: int, share: float) -> NDArray[np.intp]:
    """Return the places out of `count` that a rare event hits: as many draws as hits, not one per place."""
    return np.unique(random.integers(0, max(count, 1), random.binomial(count, share)))
