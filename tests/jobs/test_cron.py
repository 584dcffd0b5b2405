from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from churn.errors import ConfigError
from churn.jobs.cron import Cron

FRIDAY = datetime(2026, 3, 27)
YEAR_BEGINS, DAYS = date(2026, 1, 1), 366
QUARTER = timedelta(minutes=15)
# Clocks that change at two, at one, at midnight, before midnight, on the quarter; by half an hour, by two hours; and none.
ZONES = [
    "UTC",
    "Europe/Madrid",
    "Europe/London",
    "Europe/Dublin",
    "Atlantic/Azores",
    "America/New_York",
    "America/St_Johns",
    "America/Havana",
    "America/Santiago",
    "America/Asuncion",
    "America/Nuuk",
    "America/Scoresbysund",
    "Africa/Cairo",
    "Africa/Casablanca",
    "Asia/Beirut",
    "Asia/Jerusalem",
    "Australia/Lord_Howe",
    "Pacific/Auckland",
    "Pacific/Chatham",
    "Pacific/Easter",
    "Antarctica/Troll",
]
QUICK = {
    "UTC",
    "Europe/Madrid",
    "Australia/Lord_Howe",
}  # one without changes, one with, one that changes by half an hour


def _fires(fields: str, zone: str = "UTC", after: datetime = FRIDAY, count: int = 3) -> list[str]:
    return [f"{fire.at:%d %H:%M}" for fire in islice(Cron(fields, zone, where="test").fires(after), count)]


def test_two_at_night_comes_every_day() -> None:
    assert _fires("0 2 * * *") == ["27 02:00", "28 02:00", "29 02:00"]


def test_an_instant_that_was_looked_at_does_not_come_again() -> None:
    assert _fires("0 2 * * *", after=datetime(2026, 3, 27, 2, 0), count=1) == ["28 02:00"]


@pytest.mark.parametrize(
    ("fields", "days"),
    [
        ("0 6 * * 0", ["29", "05", "12"]),  # Sunday, as in cron
        ("0 6 * * 7", ["29", "05", "12"]),
        ("0 6 * * 1-5", ["27", "30", "31"]),
        ("0 6 * * fri-mon", ["27", "28", "29"]),
        ("0 6 * * 0-2", ["29", "30", "31"]),
        ("0 6 * * mon,wed", ["30", "01", "06"]),
    ],
)
def test_weekdays_are_those_of_cron(fields: str, days: list[str]) -> None:
    assert [fire[:2] for fire in _fires(fields)] == days


def test_an_hour_that_the_clocks_skip_is_made_up_for_once() -> None:
    assert _fires("30 2 * * *", "Europe/Madrid", datetime(2026, 3, 28, 12), 2) == ["29 01:30", "30 00:30"]


def test_an_hour_that_comes_twice_is_one_night() -> None:
    cron = Cron("30 2 * * *", "Europe/Madrid", where="test")
    fires = list(cron.fires(datetime(2026, 10, 24, 12), datetime(2026, 10, 25, 12)))
    assert [(fire.at, fire.day) for fire in fires] == [(datetime(2026, 10, 25, 0, 30), date(2026, 10, 25))]


def test_the_night_has_the_date_of_where_its_time_is_told() -> None:
    cron = Cron("30 0 * * *", "Asia/Tokyo", where="test")
    (fire,) = cron.fires(datetime(2026, 7, 1), datetime(2026, 7, 2))
    assert (fire.at, fire.day) == (datetime(2026, 7, 1, 15, 30), date(2026, 7, 2))


@pytest.mark.parametrize(
    "fields",
    [
        "61 2 * * *",
        "0 2 * * 8",
        "0 2 * * 1-",
        "0 2 31 2 x",
        "0 2 * *",
        "0 2 * * 1/0",
        "0 5-2 * * *",
        "0 2 0 * *",
        "*/x 2 * * *",
    ],
)
def test_what_is_no_schedule_is_refused_with_an_example(fields: str) -> None:
    with pytest.raises(ConfigError, match=r"\[schedule\] nightly.*02:00 every day"):
        Cron(fields, "UTC", where="[schedule] nightly")


def test_a_day_that_never_comes_ends_the_search() -> None:
    assert _fires("0 2 31 2 *") == []


@pytest.mark.parametrize(
    "zone", [zone if zone in QUICK else pytest.param(zone, marks=pytest.mark.slow) for zone in ZONES]
)
def test_every_date_has_each_hour_of_the_schedule_exactly_once(zone: str) -> None:
    first_shown = _first_instants(zone)
    after, until = (datetime.combine(YEAR_BEGINS + n * timedelta(days=1), time.min) for n in (-3, DAYS + 3))
    for hour in range(24):
        fires = list(Cron(f"0 {hour} * * *", zone, where="test").fires(after, until))
        assert [fire.at for fire in fires] == sorted({fire.at for fire in fires})
        within = [fire for fire in fires if 0 <= (fire.day - YEAR_BEGINS).days < DAYS]
        assert [fire.day for fire in within] == [YEAR_BEGINS + n * timedelta(days=1) for n in range(DAYS)]
        for fire in within:
            told = datetime.combine(fire.day, time(hour))
            shown = fire.at.replace(tzinfo=UTC).astimezone(ZoneInfo(zone)).replace(tzinfo=None)
            if told in first_shown:
                assert fire.at == first_shown[told]
            else:  # the clocks skipped it
                assert timedelta(0) < shown - told <= timedelta(hours=2)


def _first_instants(zone: str) -> dict[datetime, datetime]:
    """When the clocks of a zone first showed each quarter of an hour, by looking at them every quarter of an hour."""
    shown: dict[datetime, datetime] = {}
    at = datetime.combine(YEAR_BEGINS, time.min) - timedelta(days=2)
    while at < datetime.combine(YEAR_BEGINS, time.min) + timedelta(days=DAYS + 2):
        shown.setdefault(at.replace(tzinfo=UTC).astimezone(ZoneInfo(zone)).replace(tzinfo=None), at)
        at += QUARTER
    return shown


@pytest.mark.parametrize(("zone", "change"), [("Africa/Cairo", date(2026, 4, 24)), ("America/Nuuk", date(2026, 3, 28))])
def test_a_look_at_any_time_around_a_change_misses_nothing_and_repeats_nothing(zone: str, change: date) -> None:
    cron = Cron("30 0,23 * * *", zone, where="test")
    begins = datetime.combine(change, time.min) - timedelta(days=2)
    for minutes in (1, 7, 60, 61, 719, 1441):
        at, seen = begins, []
        while at < begins + timedelta(days=5):
            seen += cron.fires(at, at + timedelta(minutes=minutes))
            at += timedelta(minutes=minutes)
        assert seen == list(cron.fires(begins, at))
        days = [change + n * timedelta(days=1) for n in (-1, -1, 0, 0, 1, 1)]
        assert [fire.day for fire in seen if abs((fire.day - change).days) <= 1] == days


@pytest.mark.parametrize("zone", ZONES)
def test_months_begin_once_each(zone: str) -> None:
    fires = Cron("0 0 1 * *", zone, where="test").fires(datetime(2025, 12, 30), datetime(2027, 1, 3))
    assert [fire.day for fire in fires] == [date(2026, month, 1) for month in range(1, 13)] + [date(2027, 1, 1)]


def test_a_skipped_time_at_the_end_of_a_day_belongs_to_that_day() -> None:
    # In Nuuk the clocks went from 23:00 of the 28th to midnight of the 29th.
    fires = Cron("30 0,23 * * *", "America/Nuuk", where="test").fires(
        datetime(2026, 3, 28, 12), datetime(2026, 3, 29, 12)
    )
    assert [(fire.at, fire.day.day) for fire in fires] == [(datetime(2026, 3, 29, 1, 30), day) for day in (28, 29)]


@pytest.mark.parametrize(
    ("fields", "days"),
    [
        ("0 2 last * *", ["31", "30", "31"]),
        ("0 2 */10 * *", ["31", "01", "11"]),
        ("0 2 1-5/2 apr,JUN *", ["01", "03", "05"]),
        ("0 2 29 2 mon", ["29"]),  # in 2044, after years in which there is none
    ],
)
def test_days_and_months_are_those_of_cron(fields: str, days: list[str]) -> None:
    assert [fire[:2] for fire in _fires(fields, count=len(days))] == days


@given(
    after=st.datetimes(datetime(2025, 1, 1), datetime(2027, 1, 1)),
    zone=st.sampled_from(["UTC", "Europe/Madrid", "America/New_York", "Asia/Kolkata"]),
    hour=st.integers(0, 23),
)
def test_fires_rise_and_lie_after_the_last_look(after: datetime, zone: str, hour: int) -> None:
    fires = [fire.at for fire in islice(Cron(f"15 {hour} * * *", zone, where="test").fires(after), 4)]
    assert fires == sorted(set(fires))
    assert fires[0] > after
