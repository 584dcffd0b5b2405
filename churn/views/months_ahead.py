"""What is said of one customer's months ahead: chances by horizon, months kept, and what a save keeps, with the words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from churn.views.scored_customer import ScoredCustomer

MONTHS = (1, 3, 6, 12)


@dataclass(frozen=True)
class MonthsAhead:
    """`leaves` are the chances of leaving within 1, 3, 6 and 12 months; months kept are of the next twelve."""

    leaves: tuple[float, float, float, float]
    months_kept: float
    low: float
    high: float
    months_after_save: float

    @property
    def curve(self) -> tuple[tuple[int, float], ...]:
        """The chance of being there after 0, 1, 3, 6 and 12 months."""
        return ((0, 1.0), *((month, 1.0 - gone) for month, gone in zip(MONTHS, self.leaves, strict=True)))

    @property
    def sentence(self) -> str:
        """The horizons and the months in words."""
        _, quarter, half, year = (f"{100 * gone:.0f} %" for gone in self.leaves)
        return (
            f"Leaves within three months with {quarter}, within six with {half}, within twelve with {year}. Of the next "
            f"twelve months {self.months_kept:.1f} are expected to be kept (90 % interval {self.low:.1f} to {self.high:.1f})."
        )


def months_ahead(customer: ScoredCustomer) -> MonthsAhead | None:
    """Return what is said of a customer; None where nothing is."""
    leaves = (
        customer["churn_within_30d"],
        customer["churn_within_90d"],
        customer["churn_within_180d"],
        customer["churn_within_360d"],
    )
    first, quarter, half, year = leaves
    kept, low, high = customer["months_kept"], customer["months_kept_low"], customer["months_kept_high"]
    saved = customer["months_after_save"]
    if first is None or quarter is None or half is None or year is None:
        return None
    if kept is None or low is None or high is None or saved is None:
        return None
    return MonthsAhead((first, quarter, half, year), kept, low, high, saved)
