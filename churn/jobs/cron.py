"""Reads a schedule of five cron fields: which instants it names, once for each date, also when clocks change.

The one place that knows APScheduler. It says which clock times the fields name; when the clocks of a zone show them is
computed here, since its triggers lose midnight where the clocks change then.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from churn.errors import ConfigError

# In cron a weekday of 0 or 7 is Sunday; APScheduler counts from Monday, so numbers are written as names.
_WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat") * 3
_DAY = timedelta(days=1)
_SEARCH_MONTHS = 40 * 12  # a 29 February on a given weekday comes within 40 years


@dataclass(frozen=True, order=True)
class Fire:
    """One instant of a schedule, UTC without a zone, and the date it belongs to where the schedule is told."""

    at: datetime
    day: date


class Cron:
    """A schedule, told by the clocks of a time zone.

    A time that the clocks skip is moved later by as much as they skip; of a time that comes twice the first counts. So
    every date that the fields name has each of its times once.
    """

    def __init__(self, fields: str, timezone: str, *, where: str) -> None:
        """Raises ConfigError, naming `where`, for fields that are no schedule."""
        self.fields, self._zone = fields, ZoneInfo(timezone)
        try:
            _clock_times(fields, 2000, 1)
        except (ValueError, IndexError) as error:
            raise ConfigError(
                f"`{fields}` is no schedule: {error}",
                where=where,
                remedy="Write minute, hour, day, month and weekday as in cron: 0 2 * * * is 02:00 every day.",
            ) from error

    @property
    def name(self) -> str:
        """Fields and zone, by which two schedules are the same."""
        return f"{self.fields} {self._zone.key}"

    def day_of(self, at: datetime) -> date:
        """Return the date that the clocks of its zone show at `at`."""
        return at.replace(tzinfo=UTC).astimezone(self._zone).date()

    def fires(self, after: datetime, until: datetime | None = None) -> Iterator[Fire]:
        """Yield what comes later than `after` and not later than `until`, in order."""
        first = self.day_of(after) - _DAY  # a skipped time may lie in the next day
        waiting: list[Fire] = []
        for moment in _clock_times_from(self.fields, first):
            begins = self._instant(datetime.combine(moment.date(), time.min))
            # Times that were skipped at the end of a day may come after the first of the next: those wait for it.
            while waiting and waiting[0].at < begins:
                yield heapq.heappop(waiting)
            if until is not None and begins > until:
                break
            fire = Fire(self._instant(moment), moment.date())
            if after < fire.at and (until is None or fire.at <= until) and fire not in waiting:
                heapq.heappush(waiting, fire)
        while waiting:
            yield heapq.heappop(waiting)

    def _instant(self, moment: datetime) -> datetime:
        """Return when the clocks show `moment`: the first time if twice, and as if they were not yet changed if never."""
        return moment.replace(tzinfo=self._zone).astimezone(UTC).replace(tzinfo=None)  # fold 0, see PEP 495


def _clock_times_from(fields: str, first: date) -> Iterator[datetime]:
    for number in range(_SEARCH_MONTHS):
        years, month = divmod(first.month - 1 + number, 12)
        for moment in _clock_times(fields, first.year + years, month + 1):
            if moment.date() >= first:
                yield moment


@lru_cache(maxsize=1_024)
def _clock_times(fields: str, year: int, month: int) -> tuple[datetime, ...]:
    """Return what clocks that never change would show in one month. Raises ValueError or IndexError for bad fields."""
    from apscheduler.triggers.cron import CronTrigger

    minute, hour, day, months, weekday = fields.split()
    trigger = CronTrigger(
        year=year,  # or a date that never comes would be looked for until the year 9999
        month=months,
        day=day,
        day_of_week=_named(weekday),
        hour=hour,
        minute=minute,
        timezone=UTC,
    )
    at = datetime(year, month, 1, tzinfo=UTC)
    ends = at.replace(year=year + month // 12, month=month % 12 + 1)
    moments = []
    while (fire := trigger.get_next_fire_time(None, at)) is not None and fire < ends:
        moments.append(fire.replace(tzinfo=None))
        at = fire + timedelta(minutes=1)
    return tuple(moments)


def _named(field: str) -> str:
    """Return the weekdays of a cron field as names. Raises ValueError for what is no weekday."""
    return field if field == "*" else ",".join(_days(part) for part in field.split(","))


def _days(part: str) -> str:
    span, has_step, step = part.partition("/")
    if has_step and not (step.isdecimal() and int(step)):
        raise ValueError(f"`{part}` has no step")
    first, is_span, last = span.partition("-")
    if span == "*":
        begins, ends = 0, 6
    else:
        begins = _weekday(first)
        ends = _weekday(last) if is_span else (6 if has_step else begins)
    if ends < begins:
        ends += 7  # fri-mon goes over the week's end
    return ",".join(dict.fromkeys(_WEEKDAYS[number] for number in range(begins, ends + 1, int(step or 1))))


def _weekday(word: str) -> int:
    if word.isdecimal() and int(word) <= 7:
        return int(word)
    if word.lower() in _WEEKDAYS:
        return _WEEKDAYS.index(word.lower())
    raise ValueError(f"`{word}` is no weekday")
