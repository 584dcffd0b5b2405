"""Sends alerts: each once to every channel of [alerts], to a room what came together as one message."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from churn.context import Context
from churn.errors import ChurnError
from churn.jobs.notify.channels import Channel, channels_of
from churn.jobs.notify.chat import GroupChannel
from churn.jobs.notify.outbox import LEASE_SECONDS, Sending, note_failure, send_due
from churn.store.service_records import AlertDelivery


class AlertSender:
    """Sends to `channels`, by default those that the settings name."""

    def __init__(self, context: Context, *, channels: Sequence[Channel] | None = None) -> None:
        self._context = context
        self._channels = {channel.name: channel for channel in (channels_of(context) if channels is None else channels)}

    def send_due(self) -> int:
        """Give new alerts to every channel, and send what is due; return how many messages arrived."""
        settings = self._context.settings.alerts
        now, gap = self._context.clock(), timedelta(minutes=settings.chat_minutes)
        rooms = [name for name, channel in self._channels.items() if isinstance(channel, GroupChannel)]
        with self._context.open_store() as store:
            store.deliveries.enqueue(list(self._channels), settings.min_severity, now)
            if rooms:
                store.deliveries.enqueue_recovered(rooms, now)
            for room in rooms:
                store.deliveries.hold(room, gap, now)
        sending = Sending[AlertDelivery](
            outbox=lambda store: store.deliveries,
            send=self._send,
            max_attempts=lambda _delivery: settings.max_attempts,
            failed=self._note,
        )
        return send_due(self._context, sending)

    def _send(self, delivery: AlertDelivery) -> None:
        channel = self._channels.get(delivery.channel)
        if channel is None:
            raise ChurnError("is not configured any more", where=f"channel {delivery.channel}")
        if isinstance(channel, GroupChannel):
            self._send_together(channel, delivery)
        else:
            channel.send(delivery)

    def _send_together(self, channel: GroupChannel, first: AlertDelivery) -> None:
        """Send `first` and what else is due for its channel as one message; `first` is noted by whoever asked for it."""
        with self._context.open_store() as store:
            more = store.deliveries.take_with(first, self._context.clock(), lease_seconds=LEASE_SECONDS)
        error: ChurnError | None = None
        try:
            channel.send_all([first, *more])
        except ChurnError as failure:
            error = failure
        now, attempts = self._context.clock(), self._context.settings.alerts.max_attempts
        with self._context.open_store() as store:
            for delivery in more:
                if error is None:
                    store.deliveries.delivered(delivery, now)
                else:
                    note_failure(store.deliveries, delivery, error, now, max_attempts=attempts)
        if error is not None:
            raise error

    def _note(self, delivery: AlertDelivery, attempt: int, error: ChurnError) -> None:
        self._context.log.note(
            "alert_not_delivered",
            alert_id=delivery.alert_id,
            channel=delivery.channel,
            attempt=attempt,
            error=error.code,
        )
