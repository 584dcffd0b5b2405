"""The events for subscribers of [webhooks]: scores were published, an alert was raised. No customer is named."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pydantic import JsonValue

    from churn.store import Store

_NEWS: Final = timedelta(days=1)  # what happened longer ago is history to whoever subscribes now


@dataclass(frozen=True)
class Event:
    """Something that happened. `event_id` is the same at every delivery."""

    event_id: str
    name: str
    occurred_at: datetime
    data: Mapping[str, str | int]

    def document(self) -> dict[str, JsonValue]:
        """Return it as subscribers get it."""
        return {"event": self.name, "occurred_at": _instant(self.occurred_at), "data": dict(self.data)}


def news(store: Store, now: datetime) -> list[Event]:
    """Return what happened within a day: the publication of the list in use, and alerts that are still open."""
    events = []
    run = store.scores.current_run()
    if run is not None and run.scored_at >= now - _NEWS:
        scored: dict[str, str | int] = {
            "run_id": run.run_id,
            "snapshot_date": run.snapshot_date.isoformat(),
            "model_version": run.model_version,
            "customers": run.customers,
            "data_cutoff": _instant(run.data_cutoff),
        }
        events.append(Event(f"score-run-{run.run_id}", "score_run.finished", run.scored_at, scored))
    for alert in store.alerts.open():
        if alert.raised_at >= now - _NEWS:
            raised: dict[str, str | int] = {
                "alert_id": alert.alert_id,
                "kind": alert.kind,
                "subject": alert.subject,
                "severity": alert.severity,
                "message": alert.message,
            }
            events.append(Event(f"alert-{alert.alert_id}", "alert.raised", alert.raised_at, raised))
    return events


def _instant(at: datetime) -> str:
    return at.replace(tzinfo=UTC).isoformat().replace("+00:00", "Z")
