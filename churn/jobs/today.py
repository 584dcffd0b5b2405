"""What day it is for the company: today, or, for the simulated one, the day at which its data end."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime
from zoneinfo import ZoneInfo

from churn.context import Context
from churn.views.home import data_end, is_demo_home


def company_context(context: Context) -> Context:
    """Return the context that work is done in: the simulated company's clock goes on from the end of its data."""
    home = context.settings.home
    end = data_end(home) if is_demo_home(home) else None
    if end is None:
        return context
    midnight = datetime.combine(end, datetime.min.time())
    if context.clock() < midnight:
        return context
    began = context.clock()
    return replace(context, clock=lambda: midnight + (context.clock() - began))


def logical_day(context: Context) -> date:
    """Return the date of a night asked for now, where the schedule's times are told."""
    now = company_context(context).clock()
    zone = ZoneInfo(context.settings.schedule.timezone)
    return now.replace(tzinfo=ZoneInfo("UTC")).astimezone(zone).date()
