"""The terms of an offer that differ by customer, and who of them has none that can be used."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from churn.decisions.checks import Bools, Floats
from churn.decisions.profit import ALIKE, CustomerTerms

Name = TypeVar("Name", bound=str)  # of a term, as `CustomerTerms` has it


@dataclass(frozen=True)
class CustomersTerms:
    """What a file's formulas give each of some customers, and who has no usable terms, shape (n,).

    `is_unknown`: a term is null or no finite number; `is_impossible`: an amount below 0, or a rate outside 0..1. Their
    terms are 0 in `terms`, and nobody may be contacted on them.
    """

    terms: CustomerTerms
    is_unknown: Bools
    is_impossible: Bools

    @property
    def is_usable(self) -> Bools:
        """Who can be priced."""
        return ~(self.is_unknown | self.is_impossible)

    @classmethod
    def alike(cls, size: int) -> CustomersTerms:
        """Return the terms of customers for whom one number of each holds."""
        nobody = np.zeros(size, dtype=np.bool_)
        return cls(ALIKE, nobody, nobody)


def checked(values: Mapping[Name, Floats]) -> CustomersTerms:
    """Return the terms that `values` (n,) give, who lacks one, and whose are out of range."""
    size = next(iter(values.values())).size
    unknown, impossible = np.zeros(size, dtype=np.bool_), np.zeros(size, dtype=np.bool_)
    for name, amounts in values.items():
        is_number = np.isfinite(amounts)
        unknown |= ~is_number
        most = 1.0 if name == "success_rate" else np.inf
        impossible |= is_number & ((amounts < 0.0) | (amounts > most))
    impossible &= ~unknown
    is_usable = ~(unknown | impossible)
    return CustomersTerms(
        CustomerTerms(**{name: np.where(is_usable, amounts, 0.0) for name, amounts in values.items()}),
        unknown,
        impossible,
    )
