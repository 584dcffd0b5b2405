"""Carries alerts out: every alert once to every channel, tried until it arrives, and never forgotten in between."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from churn.context import Context
from churn.errors import ChurnError, StoreBusy
from churn.jobs.channels import Channel, channels_of
from churn.store.job_records import Delivery

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
