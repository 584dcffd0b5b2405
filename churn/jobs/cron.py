"""Reads a schedule of five cron fields: which instants it names, in whose time zone. The one place that knows APScheduler."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from churn.errors import ConfigError

# In cron a weekday of 0 or 7 is Sunday; APScheduler counts from Monday, so numbers are written as names.
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat") * 3


class Cron:
    """A schedule: `fires` gives its instants, UTC without a zone, `day` the date that one has where it is told."""

    def __init__(self, fields: str, timezone: str, *, where: str) -> None:
        """Raises ConfigError, naming `where`, for fields that are no schedule."""
        from apscheduler.triggers.cron import CronTrigger

        self.fields, self._zone = fields, ZoneInfo(timezone)
        try:
            minute, hour, day, month, weekday = fields.split()
            self._trigger = CronTrigger(
                minute=minute,
                hour=hour,
                day=day,
                month=month,
                day_of_week=_named(weekday),
                timezone=self._zone,
            )
        except (ValueError, IndexError) as error:
            raise ConfigError(
                f"`{fields}` is no schedule: {error}",
                where=where,
                remedy="Write minute, hour, day, month and weekday as in cron: 0 2 * * * is 02:00 every day.",
            ) from error

    def fires(self, after: datetime, until: datetime | None = None) -> Iterator[datetime]:
        """Yield the instants later than `after` and not later than `until`, in order."""
        at = after
        while True:
            found = self._trigger.get_next_fire_time(None, (at + timedelta(microseconds=1)).replace(tzinfo=UTC))
            if found is None:
                return
            at = found.astimezone(UTC).replace(tzinfo=None)
            if until is not None and at > until:
                return
            yield at

    def day(self, at: datetime) -> date:
        """Return the date of an instant where the schedule is told: the logical date of what starts then."""
        return at.replace(tzinfo=UTC).astimezone(self._zone).date()


def _named(field: str) -> str:
    """Return the weekdays of a cron field as names. Raises ValueError for what is no weekday."""
    if field == "*":
        return field
    return ",".join(dict.fromkeys(_DAYS[number] for part in field.split(",") for number in _numbers(part)))


def _numbers(part: str) -> range:
    span, _, step = part.partition("/")
    first, dash, last = ("0-6" if span == "*" else span).partition("-")
    if dash and not last:
        raise ValueError(f"`{part}` has no end")
    low = _number(first)
    high = _number(last) if last else (6 if step else low)
    high += 7 if high < low else 0  # fri-mon goes over the week's end
    return range(low, high + 1, int(step or 1))


def _number(word: str) -> int:
    if word.lower() in _DAYS:
        return _DAYS.index(word.lower())
    if word.isdigit() and int(word) <= 7:
        return int(word)
    raise ValueError(f"`{word}` is no weekday")
