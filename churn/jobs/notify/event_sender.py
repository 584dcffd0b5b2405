"""Sends signed events to the subscriptions of [webhooks], and monthly headlines to rooms; each is stored first, so that none is lost."""

from __future__ import annotations

from churn.config.schedule import webhook_secret
from churn.context import Context
from churn.errors import ChurnError, ConfigError
from churn.jobs.notify.channels import post_signed
from churn.jobs.notify.chat import ChatChannel
from churn.jobs.notify.events import news
from churn.jobs.notify.headline import headline_message, room_of
from churn.jobs.notify.outbox import Sending, send_due
from churn.store.service_records import WebhookDelivery


class EventSender:
    """Sends to every subscription."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def send_due(self) -> int:
        """Give new events to every subscription, and send what is due; return how many messages arrived."""
        subscriptions = self._context.settings.webhooks
        if not subscriptions and not self._context.settings.alerts.chat:
            return 0
        with self._context.open_store() as store:
            events = news(store, self._context.clock()) if subscriptions else []
            for name, settings in subscriptions.items():
                documents = {event.event_id: event.document() for event in events if event.name in settings.events}
                store.webhooks.add(name, documents, self._context.clock())
        sending = Sending[WebhookDelivery](
            outbox=lambda store: store.webhooks, send=self._send, max_attempts=self._max_attempts, failed=self._note
        )
        return send_due(self._context, sending)

    def _max_attempts(self, delivery: WebhookDelivery) -> int:
        if room_of(delivery.subscription, self._context) is not None:
            return self._context.settings.alerts.max_attempts
        settings = self._context.settings.webhooks.get(delivery.subscription)
        return settings.max_attempts if settings is not None else 0  # a subscription that is gone is not tried again

    def _send(self, delivery: WebhookDelivery) -> None:
        if (room := room_of(delivery.subscription, self._context)) is not None:
            ChatChannel(room, self._context).say(headline_message(delivery.document))
            return
        where = f"[webhooks.{delivery.subscription}]"
        settings = self._context.settings.webhooks.get(delivery.subscription)
        if settings is None:
            raise ConfigError("is not configured any more", where=where)
        variable = webhook_secret(delivery.subscription)
        secret = self._context.secrets.get(variable)
        if not secret:
            raise ConfigError("has no secret to sign with", where=where, remedy=f"Set {variable}.")
        post_signed(
            settings.url,
            delivery.document,
            event_id=delivery.event_id,
            secret=secret,
            at=self._context.clock(),
            where=where,
        )

    def _note(self, delivery: WebhookDelivery, attempt: int, error: ChurnError) -> None:
        self._context.log.note(
            "webhook_not_delivered",
            event_id=delivery.event_id,
            webhook=delivery.subscription,
            attempt=attempt,
            error=error.code,
        )
