"""One offer of a programme before it starts, priced for the customers of a usual audience."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from churn.decisions.checks import Bools, Floats
from churn.decisions.effect import RangePrior


@dataclass(frozen=True)
class PricedArm:
    """One offer before it starts: its numbers' `priors` (k), `design` (n, k) as decisions.effect has it, and costs.

    `contact_cost` is paid for everybody contacted, `incentive_cost` for who then stays; `is_eligible` (n,) says who may get it.
    `weight` is its share of the random slice, beside the weights of the other offers.
    """

    name: str
    priors: tuple[RangePrior, ...]
    design: Floats
    contact_cost: float
    incentive_cost: float
    is_eligible: Bools
    weight: float = 1.0

    def of(self, rows: NDArray[np.int64]) -> PricedArm:
        """Return the offer for some of the customers."""
        return replace(self, design=self.design[rows], is_eligible=self.is_eligible[rows])
