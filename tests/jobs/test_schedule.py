from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest

from churn.errors import ConfigError
from churn.jobs.schedule import next_times, queue_due
from tests.jobs.conftest import House


def _look(house: House) -> list[tuple[str, date | None, str]]:
    return [(run.job, run.logical_date, run.state) for run in queue_due(house.context) if run.job == "nightly"]


def test_the_first_scheduler_ever_has_missed_nothing(house: House) -> None:
    assert _look(house) == []
    assert _look(house) == []


def test_a_night_is_queued_when_its_time_has_come_and_once(house: House) -> None:
    _look(house)
    house.clock.at = datetime(2026, 7, 1, 1, 59, 59)
    assert _look(house) == []
    house.clock.at = datetime(2026, 7, 1, 2, 0)
    assert _look(house) == [("nightly", date(2026, 7, 1), "queued")]
    house.clock.forward(seconds=1)
    assert _look(house) == []
    assert [run.requested_by for run in house.runs("nightly")] == ["schedule"]


def test_after_a_downtime_the_newest_night_is_worked_and_the_others_are_noted_and_told(house: House) -> None:
    _look(house)
    house.clock.at = datetime(2026, 7, 4, 9, 0)
    assert sorted(_look(house), key=lambda one: str(one[1])) == [
        ("nightly", date(2026, 7, 1), "missed"),
        ("nightly", date(2026, 7, 2), "missed"),
        ("nightly", date(2026, 7, 3), "missed"),
        ("nightly", date(2026, 7, 4), "queued"),
    ]
    with house.context.open_store() as store:
        (alert,) = [one for one in store.alerts.open(kind="job_missed") if one.subject == "nightly"]
    assert "churn run nightly --from 2026-07-01 --to 2026-07-03" in alert.message


def test_a_night_too_late_is_missed_when_catching_up_is_off(house: House) -> None:
    house = house.with_settings(schedule={"catch_up": False, "misfire_grace_hours": 3})
    _look(house)
    house.clock.at = datetime(2026, 7, 1, 4, 59)
    assert _look(house) == [("nightly", date(2026, 7, 1), "queued")]
    house.clock.at = datetime(2026, 7, 2, 5, 1)
    assert _look(house) == [("nightly", date(2026, 7, 2), "missed")]


def test_a_night_that_was_worked_by_hand_is_not_worked_again(house: House) -> None:
    _look(house)
    run = house.request("nightly", logical_date=date(2026, 7, 1), run_key="nightly/2026-07-01")
    with house.context.open_store() as store:
        store.jobs.claim("me", now=house.clock(), lease_seconds=60)
        store.jobs.finish(run.run_id, "me", "done", None, house.clock())
    house.clock.forward(hours=2)
    assert _look(house) == [("nightly", date(2026, 7, 1), "done")]
    assert len(house.runs("nightly")) == 1


def test_a_look_cut_off_before_its_mark_queues_nothing_twice(house: House) -> None:
    _look(house)
    house.clock.at = datetime(2026, 7, 3, 3, 0)
    mark = datetime(2026, 7, 1, 1, 0)
    first = _look(house)
    with house.context.open_store() as store, store.database.write() as connection:
        connection.exec_driver_sql("update schedule_marks set considered_until = ?", (mark.isoformat(" "),))
    assert _look(house) == first
    assert len(house.runs("nightly")) == 3


def test_a_job_without_a_time_is_never_due(house: House) -> None:
    house = house.with_settings(schedule={"nightly": ""})
    assert "nightly" not in next_times(house.context.settings, house.clock())
    _look(house)
    house.clock.forward(days=2)
    assert _look(house) == []


def test_a_clock_put_back_repeats_no_night(house: House) -> None:
    _look(house)
    house.clock.at = datetime(2026, 7, 1, 2, 30)
    assert len(_look(house)) == 1
    house.clock.at = datetime(2026, 7, 1, 1, 30)
    assert _look(house) == []
    house.clock.at = datetime(2026, 7, 1, 2, 10)
    assert _look(house) == []
    assert len(house.runs("nightly")) == 1


def test_nights_go_on_after_a_clock_that_ran_a_month_ahead_is_put_right(house: House) -> None:
    _look(house)
    house.clock.forward(days=30)
    _look(house)
    house.clock.at = datetime(2026, 7, 2, 1, 0)
    assert _look(house) == []
    house.clock.at = datetime(2026, 7, 2, 2, 0)
    assert _look(house) == [("nightly", date(2026, 7, 2), "queued")]
    house.clock.at = datetime(2026, 7, 2, 2, 30)
    assert _look(house) == []


def test_nobody_waits_for_a_lease_that_a_wrong_clock_has_given(house: House) -> None:
    run = house.request("retention", logical_date=date(2026, 7, 1))
    house.clock.forward(days=30)
    house.claim("killed with its clock ahead")
    house.clock.forward(days=-30)
    assert house.claim("the next").run_id == run.run_id


def test_years_of_downtime_are_not_told_night_by_night(house: House) -> None:
    _look(house)
    house.clock.forward(days=1_000)
    assert len(_look(house)) <= 62 + 1


def test_a_schedule_that_is_none_is_told_by_its_key(house: House) -> None:
    house = house.with_settings(schedule={"monthly": "0 25 1 * *", "nightly": "99 2 * * *"})
    with pytest.raises(ConfigError, match=r"\[schedule\] (nightly|monthly)"):
        next_times(house.context.settings, house.clock() + timedelta(days=1))


@pytest.mark.slow  # days of a scheduler, minute by minute
@pytest.mark.parametrize(
    ("zone", "change"),
    [
        ("Africa/Cairo", date(2026, 4, 24)),
        ("America/Havana", date(2026, 11, 1)),
        ("America/Nuuk", date(2026, 3, 28)),
        ("Europe/Madrid", date(2026, 3, 29)),
    ],
)
@pytest.mark.parametrize("nightly", ["0 0 * * *", "30 23 * * *"])
@pytest.mark.parametrize("away_hours", [3, 73])
def test_each_date_has_a_run_or_a_named_miss_where_clocks_change(
    house: House, zone: str, change: date, nightly: str, away_hours: int
) -> None:
    house = house.with_settings(schedule={"timezone": zone, "nightly": nightly, "monthly": "", "retention": ""})
    house.clock.at = datetime.combine(change, datetime.min.time()) - timedelta(hours=60)
    queue_due(house.context)
    for _ in range(0, 24 * 6, away_hours):
        house.clock.forward(hours=away_hours)
        queue_due(house.context)
    runs = house.runs("nightly")
    days = sorted(run.logical_date for run in runs if run.logical_date is not None)
    assert days == [days[0] + timedelta(days=n) for n in range(len(runs))]
    assert days[0] < change < days[-1]
    assert all(run.state == "queued" or "no scheduler was at work" in str(run.error) for run in runs)


@pytest.mark.slow  # days of a scheduler, minute by minute
def test_a_month_that_begins_at_midnight_is_worked_once(house: House) -> None:
    house = house.with_settings(schedule={"timezone": "America/Santiago", "monthly": "0 0 1 * *"})
    house.clock.at = datetime(2026, 1, 1, 12)
    while house.clock() < datetime(2026, 12, 31):
        queue_due(house.context)
        house.clock.forward(days=7)
    assert [run.logical_date for run in house.runs("monthly")] == [date(2026, month, 1) for month in range(2, 13)]


def _changed(house: House, *, before: str, after: str, at: str, job: str = "nightly") -> list[tuple[str, str]]:
    """Look every hour; at the instant `at` the schedule becomes another one. Each is fields and zone."""

    def by(schedule: str) -> House:
        *fields, zone = schedule.split()
        return house.with_settings(schedule={"timezone": zone, job: " ".join(fields)})

    house.clock.at = datetime(2026, 6, 29, 12)
    while house.clock() < datetime(2026, 7, 4, 12):
        queue_due(by(before if house.clock() < datetime.fromisoformat(at) else after).context)
        house.clock.forward(hours=1)
    return [(str(run.logical_date)[5:], run.state) for run in house.runs(job)]


@pytest.mark.slow  # days of a scheduler, minute by minute
@pytest.mark.parametrize(
    ("before", "after", "at"),
    [
        ("0 2 * * * UTC", "30 0 * * * UTC", "2026-07-01 01:00"),  # its time has passed already
        ("30 0 * * * UTC", "0 2 * * * UTC", "2026-07-01 01:00"),  # it was worked already
        ("0 2 * * * America/New_York", "0 2 * * * Asia/Tokyo", "2026-07-01 05:00"),
        ("0 2 * * * Asia/Tokyo", "0 2 * * * America/New_York", "2026-07-01 20:00"),
        ("0 2 * * * Etc/GMT+12", "0 2 * * * Pacific/Kiritimati", "2026-07-01 13:00"),  # two dates at once
        ("0 23 * * * UTC", "0 1 * * * UTC", "2026-07-01 12:00"),
    ],
)
def test_a_schedule_that_is_changed_skips_no_date_and_works_none_twice(
    house: House, before: str, after: str, at: str
) -> None:
    days = [day for day, _ in _changed(house, before=before, after=after, at=at)]
    assert sorted(days) == [day for day in ("06-29", "06-30", "07-01", "07-02", "07-03", "07-04") if day in days]
    assert {"06-30", "07-01", "07-02", "07-03"} <= set(days)


@pytest.mark.slow  # days of a scheduler, minute by minute
def test_a_rarer_schedule_that_becomes_a_daily_one_has_missed_nothing(house: House) -> None:
    runs = _changed(house, before="0 2 * * 1 UTC", after="0 2 * * * UTC", at="2026-07-02 10:00")
    assert runs == [("07-02", "queued"), ("07-03", "queued"), ("07-04", "queued")]


def test_a_job_that_was_never_due_has_missed_nothing_once_it_is(house: House) -> None:
    assert _look(house) == []
    never = house.with_settings(schedule={"nightly": ""})
    assert _look(never) == []
    house.clock.forward(days=9)
    assert _look(never) == []
    assert _look(house) == []
    house.clock.forward(days=1)
    assert [state for _, _, state in _look(house)] == ["queued"]


def test_a_monthly_job_that_is_moved_to_a_day_before_takes_place_all_the_same(house: House) -> None:
    runs = _changed(house, before="0 6 2 * * UTC", after="0 6 1 * * UTC", at="2026-07-02 03:00", job="monthly")
    assert runs == [("07-01", "queued")]
