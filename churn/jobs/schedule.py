"""The schedule as a table of jobs and times, and what is due by it: the times since the last look become runs."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfoNotFoundError

from churn.config import Settings
from churn.context import Context
from churn.errors import ConfigError
from churn.jobs.catalog import JOBS
from churn.jobs.cron import Cron, Fire
from churn.jobs.notify.alarms import raise_missed
from churn.jobs.today import logical_day
from churn.store.service_records import ScheduledRun

if TYPE_CHECKING:
    from churn.store import Store

BY_SCHEDULE = "schedule"
_NEVER = ""  # the schedule of a job that is never due
_REACH = timedelta(days=62)  # a longer downtime is not reported night by night
_AHEAD = timedelta(
    hours=2
)  # a mark further ahead was set by a clock that was wrong, and would keep nights from being due


def timetable(settings: Settings) -> dict[str, Cron]:
    """Return the times of every scheduled job. Raises ConfigError for one that is no schedule."""
    return {name: cron for name, cron in _schedules(settings).items() if cron is not None}


def _schedules(settings: Settings) -> dict[str, Cron | None]:
    """Return the schedule of every job that may have one; None for those that are never due."""
    schedule = settings.schedule
    fields_of = {name: str(getattr(schedule, name)) for name in JOBS if hasattr(schedule, name)}
    return {
        name: Cron(fields, schedule.timezone, where=f"[schedule] {name}") if fields else None
        for name, fields in fields_of.items()
    }


def next_times(settings: Settings, now: datetime) -> dict[str, datetime]:
    """Return when each scheduled job is due next."""
    return {
        name: fire.at for name, cron in timetable(settings).items() if (fire := next(cron.fires(now), None)) is not None
    }


def queue_due(context: Context) -> list[ScheduledRun]:
    """Queue the runs whose time has come since the last look, by whichever scheduler; return them, and those missed.

    Of several nights that passed meanwhile the newest is worked (if it is not too late for that by [schedule]); the
    others are noted as missed, with an alert. Two schedulers that look at once queue a run once: its key is unique.
    """
    now = context.clock()
    runs: list[ScheduledRun] = []
    with context.open_store() as store:
        for name, cron in _schedules(context.settings).items():
            mark = store.schedule.mark(name)
            is_ahead = mark is not None and mark.until > now + _AHEAD
            if cron is not None and mark is not None and not is_ahead and mark.schedule != _NEVER:
                until = max(mark.until, now - _REACH)
                fires = [*_passed_by(mark.schedule, cron, until), *cron.fires(until, now)]
                runs += _queue(context, store, name, fires, now)
            store.schedule.set_mark(name, now, cron.name if cron is not None else _NEVER, moves_back=is_ahead)
    return runs


def _passed_by(before: str | None, cron: Cron, until: datetime) -> list[Fire]:
    """Return times up to `until` that are of dates which nobody has worked, because the schedule `before` named others.

    A night moved from 02:00 to 00:30 at one o'clock has its time behind it, and would not take place. Of dates before
    the day of the change only the newest counts: a weekly job that becomes a daily one has missed nothing.
    """
    if before is None or before == cron.name:
        return []
    *fields, zone = before.split()
    try:
        old = Cron(" ".join(fields), zone, where="[schedule]")
    except (ConfigError, ZoneInfoNotFoundError):  # it was written by another version
        return []
    worked = max((fire.day for fire in old.fires(until - _REACH, until)), default=date.min)
    left = [fire for fire in cron.fires(until - _REACH, until) if fire.day > worked]
    changed_on = min(old.day_of(until), cron.day_of(until))
    return [fire for fire in left if fire.day >= changed_on or fire is left[-1]]


def _queue(context: Context, store: Store, name: str, fires: Sequence[Fire], now: datetime) -> list[ScheduledRun]:
    schedule = context.settings.schedule
    days: dict[date, datetime] = {}
    for fire in fires:
        days.setdefault(fire.day, fire.at)
    if not days:
        return []
    is_simulated = context.in_company_time() is not context
    if is_simulated:  # time stands still for it: there is one night to work, that after its data's end
        days = {logical_day(context): max(days.values())}
    newest = max(days)
    queued, missed = [], []
    for day, at in days.items():
        is_late = now - at > timedelta(hours=schedule.misfire_grace_hours)
        if day == newest and (schedule.catch_up or not is_late or is_simulated):
            queued.append(store.jobs.request(name, logical_date=day, requested_by=BY_SCHEDULE, at=now))
            continue
        words = f"was due at {at:%Y-%m-%d %H:%M} UTC, when no scheduler was at work"
        missed.append(
            store.jobs.request(name, logical_date=day, requested_by=BY_SCHEDULE, at=now, state="missed", error=words)
        )
    if missed:
        _raise_missed(context, name, [run for run in missed if run.state == "missed"])
    return queued + missed


def _raise_missed(context: Context, name: str, missed: list[ScheduledRun]) -> None:
    days = [str(run.logical_date) for run in missed]
    if not days:
        return
    job = JOBS[name]
    span = days[0] if len(days) == 1 else f"{days[0]} to {days[-1]} ({len(days)} runs)"
    remedy = (
        f" `churn run {name} --from {days[0]} --to {days[-1]}` scores them all the same." if name == "nightly" else ""
    )
    raise_missed(context, job, f"The {name} runs of {span} did not take place: no scheduler was at work.{remedy}")
