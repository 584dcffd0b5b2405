"""The fixed calendar of the simulated company: which days are simulated, which are delivered, and when each month's window opens."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
from numpy.typing import NDArray

DAY = 86_400  # seconds
EPOCH = date(1970, 1, 1)
CUTOFF_DATE = date(2026, 7, 1)  # fixed, so that the same seed gives the same bytes on any day
BURN_IN_DAYS = 75  # simulated before the first delivered day, so that silence, tickets and dunning start in balance
LEAD_DAYS = 2
HORIZON_DAYS = 30


def day_number(day: date) -> int:
    """Return days since 1970-01-01."""
    return (day - EPOCH).days


@dataclass(frozen=True)
class Timeline:
    """Days are counted from 1970-01-01; instants in seconds from the same start, UTC.

    `month_starts` holds the first of each delivered month and, last, the cutoff: the month a campaign would be planned in.
    """

    months: int
    month_starts: tuple[date, ...]

    @property
    def first_date(self) -> date:
        """The first day with events."""
        return self.month_starts[0]

    @property
    def cutoff_date(self) -> date:
        """The day at whose first instant the files end."""
        return self.month_starts[-1]

    @property
    def first_day(self) -> int:
        """Number of the first delivered day."""
        return day_number(self.first_date)

    @property
    def cutoff_day(self) -> int:
        """Number of the first day that is no longer delivered."""
        return day_number(self.cutoff_date)

    @property
    def lived_days(self) -> range:
        """Every simulated day: the burn-in before the delivered days, and the last window's outcome after them."""
        return range(self.first_day - BURN_IN_DAYS, self.cutoff_day + LEAD_DAYS + HORIZON_DAYS)

    def month_of(self, day: int) -> int:
        """Return the index of the delivered month that holds `day`: negative in the burn-in, `months` after the cutoff."""
        starts = [day_number(start) for start in self.month_starts]
        return int(np.searchsorted(starts, day, side="right")) - 1


def timeline(months: int) -> Timeline:
    """Return the calendar of `months` whole months that end at the fixed cutoff."""
    starts = [CUTOFF_DATE]
    for _ in range(months):
        starts.append((starts[-1] - timedelta(days=1)).replace(day=1))
    return Timeline(months=months, month_starts=tuple(reversed(starts)))


def calendar_day(day: int) -> date:
    """Return the date of a day number."""
    return EPOCH + timedelta(days=int(day))


def seconds_within(uniform: NDArray[np.float64], first_hour: float, last_hour: float) -> NDArray[np.int64]:
    """Map draws in 0..1 to whole seconds of a day between two hours."""
    return ((first_hour + uniform * (last_hour - first_hour)) * 3600).astype(np.int64)
