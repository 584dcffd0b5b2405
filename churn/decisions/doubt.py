"""Which offers are too doubtful to be made to everybody they would pay for, and to how many they are made meanwhile.

An offer is sure where it earns with a chance of at least `SURE`, by what is believed of its numbers: before anything is
measured by its file's ranges, and with the chance that the file is wrong by no effect at all. One that was doubtful by its file takes
`SURE_MEASURED` once it is measured: outcomes are looked at every round, and one that is tried long enough would by luck pass any lower bar.
One that its file was sure of is on trial only when outcomes take it below `SURE`. The doubtful ones are tried on so
many that in the worst twentieth of cases they lose `RISKED` of what the plan is expected to earn: a promise of little from
many customers, each of whom it may drive away, does not eat what the sure offers earn, and is learnt about all the same.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from churn.decisions.checks import Floats
from churn.decisions.effect import FILE_IS_WRONG, Z_90, Belief, if_file_is_wrong, prior_centres

SURE: Final = 0.75  # three to one that an offer earns
SURE_MEASURED: Final = 0.9  # as certain as that an offer harms, from which on it is off
RISKED: Final = 0.03


@dataclass(frozen=True)
class Prospect:
    """What contacting `customers` with one offer is expected to earn: `profit`, its standard error, and the chance of a gain."""

    customers: int
    profit: float
    spread: float
    chance: float
    is_measured: bool = False
    chance_by_file: float | None = None  # of an offer that is measured: the chance before

    @property
    def is_sure(self) -> bool:
        """Whether the offer may be made to everybody whom it is expected to pay for."""
        was_sure = self.chance_by_file is not None and self.chance_by_file >= SURE
        return not self.customers or self.chance >= (SURE_MEASURED if self.is_measured and not was_sure else SURE)

    @property
    def worst_loss(self) -> float:
        """What a contact loses in the worst twentieth of cases; 0 where it earns even then."""
        return max(Z_90 * self.spread - self.profit, 0.0) / max(self.customers, 1)


def prospect_of_belief(profit: Floats, value: Floats, design: Floats, belief: Belief) -> Prospect:
    """Return the prospect of an offer whose numbers are believed, from `profit` and `value` of a save (n,) and `design` (n, k)."""
    weight = value @ design
    spread = math.sqrt(max(float(weight @ belief.covariance @ weight), 0.0))
    total = float(profit.sum())

    def gains(mean: Floats, width: Floats) -> float:
        """Return the chance of a gain where each number is normal by itself."""
        return _gains(total + float(weight @ (mean - belief.mean)), math.sqrt(float((weight**2 * width**2).sum())))

    file, file_spread, _, _ = prior_centres([number.prior for number in belief.numbers], belief.kept)
    by_file = _mixed(gains(file, file_spread), gains(*if_file_is_wrong(belief)))
    if not belief.measured:
        return Prospect(profit.size, total, spread, by_file)
    return Prospect(profit.size, total, spread, _gains(total, spread), is_measured=True, chance_by_file=by_file)


def prospect_of_rate(profit: Floats, revenue: Floats, rate: float, low: float, high: float) -> Prospect:
    """Return the prospect of an offer with one success rate of which nothing was measured; `revenue` (n,) is what its saves keep."""
    total, kept = float(profit.sum()), float(revenue.sum())
    spread = kept / rate * (high - low) / (2.0 * Z_90) if rate > 0.0 else 0.0
    return Prospect(profit.size, total, spread, _mixed(_gains(total, spread), float(total - kept > 0.0)))


def prospect_of_measured(profit: Floats, value: Floats, error: float) -> Prospect:
    """Return the prospect of an offer whose effect was measured, with the standard error of its mean."""
    total, spread = float(profit.sum()), error * float(value.sum())
    return Prospect(profit.size, total, spread, _gains(total, spread), is_measured=True)


def trial_sizes(prospects: Sequence[Prospect]) -> list[int | None]:
    """Return by offer on how many customers it is tried; None for one that is sure."""
    doubtful = [prospect for prospect in prospects if not prospect.is_sure]
    room = RISKED * sum(max(prospect.profit, 0.0) for prospect in prospects)
    return [
        None if prospect.is_sure else _fitting(room / len(doubtful), prospect.worst_loss, prospect.customers)
        for prospect in prospects
    ]


def _fitting(room: float, loss: float, most: int) -> int:
    return most if loss * most <= room else int(room / loss)


def _gains(profit: float, spread: float) -> float:
    from scipy.special import ndtr

    return float(ndtr(profit / spread)) if spread > 0.0 else float(profit > 0.0)


def _mixed(by_file: float, file_is_wrong: float) -> float:
    return (1.0 - FILE_IS_WRONG) * by_file + FILE_IS_WRONG * file_is_wrong
