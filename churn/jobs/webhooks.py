"""Tells subscribers what happened: every event at least once to each, signed, tried until it arrives."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from churn.config.schedule import webhook_secret
from churn.context import Context
from churn.errors import ChurnError, ConfigError, StoreBusy
from churn.jobs.channels import post_signed
from churn.store.service_records import WebhookDelivery

if TYPE_CHECKING:
    from churn.store import Store

_NEWS: Final = timedelta(days=1)  # what happened longer ago is history to whoever subscribes now
_LEASE_SECONDS: Final = 120.0  # longer than one message takes
_FIRST_WAIT, _LONGEST_WAIT = timedelta(minutes=1), timedelta(hours=8)

Post = Callable[..., None]


class Herald:
    """Writes events down before it sends them, so that none is lost; a repeat bears the id of the first."""

    def __init__(self, context: Context, *, post: Post = post_signed) -> None:
        self._context, self._post = context, post

    def deliver(self) -> int:
        """Send what is new or due to every subscription of [webhooks]; return how many events arrived."""
        subscriptions = self._context.settings.webhooks
        if not subscriptions:
            return 0
        with self._context.open_store() as store:
            found = news(store, self._context.clock())
            for name, settings in subscriptions.items():
                wanted = {key: event for key, event in found.items() if event["event"] in settings.events}
                store.webhooks.add(name, wanted, self._context.clock())
        arrived = 0
        while True:
            with self._context.open_store() as store:
                one = store.webhooks.take(self._context.clock(), lease_seconds=_LEASE_SECONDS)
            if one is None:
                return arrived
            arrived += self._carry(one)

    def _carry(self, one: WebhookDelivery) -> bool:
        error = self._send(one)
        now, attempt = self._context.clock(), one.attempts + 1
        settings = self._context.settings.webhooks.get(one.subscription)
        with self._context.open_store() as store:
            if error is None:
                store.webhooks.delivered(one, now)
                return True
            if settings is None or attempt >= settings.max_attempts:
                store.webhooks.give_up(one, str(error), now)
            else:
                wait = min(_FIRST_WAIT * 2 ** (attempt - 1), _LONGEST_WAIT)
                store.webhooks.postpone(one, str(error), now + wait)
        self._context.log.note(
            "webhook_not_delivered", event_id=one.event_id, webhook=one.subscription, attempt=attempt, error=error.code
        )
        return False

    def _send(self, one: WebhookDelivery) -> ChurnError | None:
        """Post one event; return why it did not arrive."""
        where = f"[webhooks.{one.subscription}]"
        settings = self._context.settings.webhooks.get(one.subscription)
        if settings is None:
            return ConfigError("is not configured any more", where=where)
        variable = webhook_secret(one.subscription)
        secret = self._context.secrets.get(variable)
        if not secret:
            return ConfigError("has no secret to sign with", where=where, remedy=f"Set {variable}.")
        at = self._context.clock()
        try:
            self._post(settings.url, one.document, event_id=one.event_id, secret=secret, at=at, where=where)
        except StoreBusy:
            raise
        except ChurnError as error:
            return error
        return None


def news(store: Store, now: datetime) -> dict[str, dict[str, Any]]:
    """Return what happened within a day, by event id: the list in use, and alerts still open. No customer is named."""
    found = {}
    run = store.scores.current_run()
    if run is not None and run.scored_at >= now - _NEWS:
        found[f"score-run-{run.run_id}"] = _event(
            "score_run.finished",
            run.scored_at,
            {
                "run_id": run.run_id,
                "snapshot_date": run.snapshot_date.isoformat(),
                "model_version": run.model_version,
                "customers": run.customers,
                "data_cutoff": _instant(run.data_cutoff),
            },
        )
    for alert in store.alerts.open():
        if alert.raised_at >= now - _NEWS:
            told = {
                "alert_id": alert.alert_id,
                "kind": alert.kind,
                "subject": alert.subject,
                "severity": alert.severity,
                "message": alert.message,
            }
            found[f"alert-{alert.alert_id}"] = _event("alert.raised", alert.raised_at, told)
    return found


def _event(name: str, at: datetime, data: Mapping[str, Any]) -> dict[str, Any]:
    return {"event": name, "occurred_at": _instant(at), "data": dict(data)}


def _instant(at: datetime) -> str:
    return at.replace(tzinfo=UTC).isoformat().replace("+00:00", "Z")
