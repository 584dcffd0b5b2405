"""What day it is for the company's nights."""

from __future__ import annotations

from datetime import date
from zoneinfo import ZoneInfo

from churn.context import Context


def logical_day(context: Context) -> date:
    """Return the date of a night asked for now, in the schedule's time zone; a simulated company's is its own."""
    now = context.in_company_time().clock()
    zone = ZoneInfo(context.settings.schedule.timezone)
    return now.replace(tzinfo=ZoneInfo("UTC")).astimezone(zone).date()
