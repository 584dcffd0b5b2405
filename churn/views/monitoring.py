"""What the monitors found last, with the trend of the days before."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from pydantic import JsonValue

from churn.context import Context
from churn.documents.monitoring import MonitoredDay, MonitoringDocument


@dataclass(frozen=True)
class MonitoringHistory:
    """The newest findings, and the verdicts and figures of the days until then, oldest first."""

    newest: MonitoringDocument
    days: tuple[MonitoredDay, ...]

    def as_json(self) -> dict[str, JsonValue]:
        """Return the document with its history, as the command line writes it."""
        return {**self.newest.as_json(), "history": [day.as_json() for day in self.days]}


def read_monitoring(context: Context, *, on: date | None = None, days: int = 90) -> MonitoringHistory | None:
    """Return the newest findings (of `on` or before) and the trend of the days until then; None before the first run."""
    with context.open_store() as store:
        newest = store.monitoring.latest(on=on)
        if newest is None:
            return None
        history = [day for day in store.monitoring.list(limit=days) if day.on <= newest.on]
    return MonitoringHistory(newest, tuple(reversed(history)))
