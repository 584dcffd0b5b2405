from __future__ import annotations

from datetime import date, datetime
from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from churn.errors import ConfigError
from churn.jobs.cron import Cron

FRIDAY = datetime(2026, 3, 27)


def _fires(fields: str, zone: str = "UTC", after: datetime = FRIDAY, count: int = 3) -> list[str]:
    return [f"{at:%d %H:%M}" for at in islice(Cron(fields, zone, where="test").fires(after), count)]


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
    assert {cron.day(at) for at in fires} == {date(2026, 10, 25)}


def test_the_night_has_the_date_of_where_its_time_is_told() -> None:
    cron = Cron("30 0 * * *", "Asia/Tokyo", where="test")
    (at,) = cron.fires(datetime(2026, 7, 1), datetime(2026, 7, 2))
    assert (at, cron.day(at)) == (datetime(2026, 7, 1, 15, 30), date(2026, 7, 2))


@pytest.mark.parametrize("fields", ["61 2 * * *", "0 2 * * 8", "0 2 * * 1-", "0 2 31 2 x", "0 2 * *", "0 2 * * 1/0"])
def test_what_is_no_schedule_is_refused_with_an_example(fields: str) -> None:
    with pytest.raises(ConfigError, match=r"\[schedule\] nightly.*02:00 every day"):
        Cron(fields, "UTC", where="[schedule] nightly")


def test_a_day_that_never_comes_ends_the_search() -> None:
    assert _fires("0 2 31 2 *") == []


@given(
    after=st.datetimes(datetime(2025, 1, 1), datetime(2027, 1, 1)),
    zone=st.sampled_from(["UTC", "Europe/Madrid", "America/New_York", "Asia/Kolkata"]),
    hour=st.integers(0, 23),
)
def test_fires_rise_and_lie_after_the_last_look(after: datetime, zone: str, hour: int) -> None:
    fires = list(islice(Cron(f"15 {hour} * * *", zone, where="test").fires(after), 4))
    assert fires == sorted(set(fires))
    assert fires[0] > after
