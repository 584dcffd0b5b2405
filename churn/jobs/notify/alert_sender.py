"""Sends alerts: each once to every channel of [alerts]."""

from __future__ import annotations

from collections.abc import Sequence

from churn.context import Context
from churn.errors import ChurnError
from churn.jobs.notify.channels import Channel, channels_of
from churn.jobs.notify.outbox import Sending, send_due
from churn.store.service_records import AlertDelivery


class AlertSender:
    """Sends to `channels`, by default those that the settings name."""

    def __init__(self, context: Context, *, channels: Sequence[Channel] | None = None) -> None:
        self._context = context
        self._channels = {channel.name: channel for channel in (channels_of(context) if channels is None else channels)}

    def send_due(self) -> int:
        """Give new alerts to every channel, and send what is due; return how many messages arrived."""
        settings = self._context.settings.alerts
        with self._context.open_store() as store:
            store.deliveries.enqueue(list(self._channels), settings.min_severity, self._context.clock())
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
        channel.send(delivery)

    def _note(self, delivery: AlertDelivery, attempt: int, error: ChurnError) -> None:
        self._context.log.note(
            "alert_not_delivered",
            alert_id=delivery.alert_id,
            channel=delivery.channel,
            attempt=attempt,
            error=error.code,
        )
