"""Reads a schedule of five cron fields and computes its instants, once for each date, also when clocks change."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from churn.errors import ConfigError

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_LAST_DAY = "last"
_DAY = timedelta(days=1)
_SEARCH_DAYS = 40 * 366  # a 29 February on a given weekday comes within 40 years


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
            minute, hour, day, month, weekday = fields.split()
            minutes, hours = _numbers(minute, 0, 59), _numbers(hour, 0, 23)
            days = [part for part in day.split(",") if part != _LAST_DAY]
            self._has_last_day = len(days) < len(day.split(","))
            self._days = _numbers(",".join(days), 1, 31) if days else frozenset()
            self._months = _numbers(month, 1, 12, _MONTHS)
            self._weekdays = frozenset(number % 7 for number in _numbers(weekday, 0, 7, _WEEKDAYS))
        except ValueError as error:
            raise ConfigError(
                f"`{fields}` is no schedule: {error}",
                where=where,
                remedy="Write minute, hour, day, month and weekday as in cron: 0 2 * * * is 02:00 every day.",
            ) from error
        self._times = [time(hour, minute) for hour in sorted(hours) for minute in sorted(minutes)]

    def fires(self, after: datetime, until: datetime | None = None) -> Iterator[Fire]:
        """Yield what comes later than `after` and not later than `until`, in order."""
        first = after.replace(tzinfo=UTC).astimezone(self._zone).date() - _DAY  # a skipped time may lie in the next day
        waiting: list[Fire] = []
        for day in (first + n * _DAY for n in range(_SEARCH_DAYS)):
            begins = self._instant(day, time.min)
            # Times that were skipped at the end of a day may come after the first of the next: those wait for it.
            while waiting and waiting[0].at < begins:
                yield heapq.heappop(waiting)
            if until is not None and begins > until:
                break
            for fire in self._of(day) if self._names(day) else ():
                if after < fire.at and (until is None or fire.at <= until):
                    heapq.heappush(waiting, fire)
        while waiting:
            yield heapq.heappop(waiting)

    def _names(self, day: date) -> bool:
        is_day = day.day in self._days or (self._has_last_day and (day + _DAY).day == 1)
        return is_day and day.month in self._months and day.isoweekday() % 7 in self._weekdays

    def _of(self, day: date) -> list[Fire]:
        return [Fire(at, day) for at in sorted({self._instant(day, moment) for moment in self._times})]

    def _instant(self, day: date, moment: time) -> datetime:
        """Return when the clocks show `moment`: the first time if twice, and as if they were not yet changed if never."""
        local = datetime.combine(day, moment, tzinfo=self._zone)  # fold 0, see PEP 495
        return local.astimezone(UTC).replace(tzinfo=None)


def _numbers(field: str, low: int, high: int, names: tuple[str, ...] = ()) -> frozenset[int]:
    """Return the numbers that a cron field names. Raises ValueError for what it may not hold."""
    return frozenset(number for part in field.split(",") for number in _range(part, low, high, names))


def _range(part: str, low: int, high: int, names: tuple[str, ...]) -> Iterator[int]:
    span, has_step, step_word = part.partition("/")
    step = int(step_word) if has_step and step_word.isdecimal() else 1
    if has_step and (not step_word.isdecimal() or step < 1):
        raise ValueError(f"`{part}` has no step")
    if span == "*":
        return iter(range(low, high + 1, step))
    first_word, is_span, last_word = span.partition("-")
    first = _number(first_word, low, high, names)
    top = high - 1 if names is _WEEKDAYS else high  # Sunday is 0 and 7
    last = _number(last_word, low, high, names) if is_span else (top if has_step else first)
    if last >= first:
        return iter(range(first, last + 1, step))
    if names is not _WEEKDAYS:
        raise ValueError(f"`{part}` ends before it begins")
    return (number % 7 for number in range(first, last + 8, step))  # fri-mon goes over the week's end


def _number(word: str, low: int, high: int, names: tuple[str, ...]) -> int:
    if word.lower() in names:
        return names.index(word.lower()) + low
    if word.isdecimal() and low <= int(word) <= high:
        return int(word)
    raise ValueError(f"`{word}` is not one of {low} to {high}" + (f" or {names[0]} to {names[-1]}" if names else ""))
