"""What is said of one customer's months ahead: chances by horizon, months kept, and what a save keeps, with the words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from churn.languages.words import tr
from churn.wording import decimal, percent

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
        _, quarter, half, year = (percent(gone, 0) for gone in self.leaves)
        return tr(
            "Leaves within three months with {quarter}, within six with {half}, within twelve with "
            "{year}. Of the next twelve months {months_kept} are expected to be kept (90 % interval "
            "{low} to {high}).",
            quarter=quarter,
            half=half,
            year=year,
            months_kept=decimal(self.months_kept, 1),
            low=decimal(self.low, 1),
            high=decimal(self.high, 1),
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
