"""Writes days and instants the way a reader expects them in a report."""

from __future__ import annotations

from datetime import date, datetime


def day(moment: date | str | None) -> str:
    """Return a day as `31 January 2026`; a dash for none. Takes ISO text too."""
    if moment is None:
        return "-"
    when = date.fromisoformat(moment[:10]) if isinstance(moment, str) else moment
    return f"{when.day} {when:%B %Y}"


def instant(moment: datetime | str | None) -> str:
    """Return an instant as `31 January 2026, 03:14 UTC`; a dash for none. Takes ISO text too."""
    if moment is None:
        return "-"
    when = datetime.fromisoformat(moment) if isinstance(moment, str) else moment
    return f"{day(when.date())}, {when:%H:%M} UTC"
