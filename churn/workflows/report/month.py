"""The month of a report, and until when something counts as known for it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from churn.errors import ConfigError


@dataclass(frozen=True)
class Month:
    """A calendar month; `first` is its first day, `after` the first day of the next."""

    first: date

    @property
    def after(self) -> date:
        """The first day of the next month."""
        return (self.first.replace(day=28) + timedelta(days=4)).replace(day=1)

    @property
    def name(self) -> str:
        """As the command line and file names tell it: 2026-06."""
        return f"{self.first:%Y-%m}"

    @property
    def ends_at(self) -> datetime:
        """The instant at which it is over."""
        return datetime.combine(self.after, datetime.min.time())

    @property
    def known_until(self) -> datetime:
        """The end of the month after it: until then its report is the newest, and tells what becomes known."""
        return Month(self.after).ends_at

    def holds(self, day: date | None) -> bool:
        """Say whether `day` lies in it."""
        return day is not None and self.first <= day < self.after


def read_month(text: str) -> Month:
    """Return the month that `text` (YYYY-MM) names. Raises ConfigError for anything else."""
    try:
        return Month(datetime.strptime(text, "%Y-%m").date())  # noqa: DTZ007  # a month has no zone
    except ValueError as error:
        raise ConfigError(f"`{text}` is no month", where="--month", remedy="Write it as 2026-06.") from error


def last_whole(cutoff: datetime) -> Month:
    """Return the last month that was over at `cutoff`."""
    return Month((cutoff.date().replace(day=1) - timedelta(days=1)).replace(day=1))
