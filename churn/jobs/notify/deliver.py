"""Carries alerts out: every alert once to every channel, tried until it arrives, and never forgotten in between."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from churn.config.schedule import webhook_secret
from churn.context import Context
from churn.errors import ChurnError, ConfigError, StoreBusy
from churn.jobs.notify.channels import Channel, channels_of, post_signed
from churn.store.records import Delivery, WebhookDelivery

if TYPE_CHECKING:
    from churn.store import Store


_LEASE_SECONDS = 120.0  # longer than any channel takes for one message
_FIRST_WAIT, _LONGEST_WAIT = timedelta(minutes=1), timedelta(hours=8)


class Courier:
    """Delivers what waits. Two couriers at once never carry the same message: each takes it under a lease.

    What was sent but not yet noted as sent, because the process died between the two, is sent once more, with the id it
    had: no sender can do better, and the receiver can tell.
    """

    def __init__(self, context: Context, owner: str, *, channels: Sequence[Channel] | None = None) -> None:
        self._context, self._owner = context, owner
        self._channels = {one.name: one for one in (channels_of(context) if channels is None else channels)}

    def deliver(self) -> int:
        """Send what is due to every channel; return how many messages arrived."""
        settings = self._context.settings.alerts
        with self._context.open_store() as store:
            store.deliveries.enqueue(list(self._channels), settings.min_severity, self._context.clock())
        arrived = 0
        while True:
            # One at a time: the lease has to last for one message only.
            with self._context.open_store() as store:
                taken = store.deliveries.take(self._context.clock(), lease_seconds=_LEASE_SECONDS, limit=1)
            if not taken:
                return arrived
            arrived += sum(self._carry(one) for one in taken)

    def _carry(self, one: Delivery) -> bool:
        channel = self._channels.get(one.channel)
        error: ChurnError | None = None
        if channel is None:
            error = ChurnError("is not configured any more", where=f"channel {one.channel}")
        else:
            try:
                channel.send(one)
            except StoreBusy:
                raise
            except ChurnError as failure:
                error = failure
        now = self._context.clock()
        with self._context.open_store() as store:
            if error is None:
                store.deliveries.delivered(one, now)
                return True
            attempt = one.attempts + 1
            if attempt >= self._context.settings.alerts.max_attempts:
                store.deliveries.give_up(one, str(error), now)
            else:
                store.deliveries.postpone(one, str(error), now + min(_FIRST_WAIT * 2 ** (attempt - 1), _LONGEST_WAIT))
        self._context.log.note(
            "alert_not_delivered", alert_id=one.alert_id, channel=one.channel, attempt=attempt, error=error.code
        )
        return False


_NEWS: Final = timedelta(days=1)  # what happened longer ago is history to whoever subscribes now
_LEASE_SECONDS_webhooks: Final = 120.0  # longer than one message takes
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
                one = store.webhooks.take(self._context.clock(), lease_seconds=_LEASE_SECONDS_webhooks)
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
