"""Sends the messages in an outbox of the store, each until it arrives or is given up."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final, Generic, Protocol, TypeVar

from churn.context import Context
from churn.errors import ChurnError, RateLimited, StoreBusy

if TYPE_CHECKING:
    from churn.store import Store

LEASE_SECONDS: Final = 120.0  # longer than sending one message takes
_FIRST_WAIT, _LONGEST_WAIT = timedelta(minutes=1), timedelta(hours=8)


class Message(Protocol):
    """What waits to be sent; `attempts` are those made before."""

    @property
    def attempts(self) -> int:
        """How often sending it was tried."""


MessageT = TypeVar("MessageT", bound=Message)


class Outbox(Protocol[MessageT]):
    """Messages that wait in the store."""

    def take(self, now: datetime, *, lease_seconds: float) -> MessageT | None:
        """Return a message that is due, leased for `lease_seconds`."""

    def delivered(self, message: MessageT, at: datetime, /) -> None:
        """Note that it has arrived."""

    def postpone(self, message: MessageT, error: str, until: datetime, /) -> None:
        """Note why it did not arrive, and when it is tried again."""

    def give_up(self, message: MessageT, error: str, at: datetime, /) -> None:
        """Note that it is not tried any more."""


@dataclass(frozen=True)
class Sending(Generic[MessageT]):
    """How the messages of one outbox are sent.

    `send` raises ChurnError when one does not arrive; one that has been tried `max_attempts` times is given up. `failed`
    is told of each attempt that failed.
    """

    outbox: Callable[[Store], Outbox[MessageT]]
    send: Callable[[MessageT], None]
    max_attempts: Callable[[MessageT], int]
    failed: Callable[[MessageT, int, ChurnError], None]


def send_due(context: Context, sending: Sending[MessageT]) -> int:
    """Send what is due; return how many messages arrived.

    Two senders at once never send the same message: each takes it under a lease. What was sent but not yet noted as
    sent, because the process died between the two, is sent once more, with the id it had: no sender can do better, and
    the receiver can tell.
    """
    arrived = 0
    while True:
        # One at a time: the lease has to last for one message only.
        with context.open_store() as store:
            message = sending.outbox(store).take(context.clock(), lease_seconds=LEASE_SECONDS)
        if message is None:
            return arrived
        arrived += _send(context, sending, message)


def _send(context: Context, sending: Sending[MessageT], message: MessageT) -> bool:
    error: ChurnError | None = None
    try:
        sending.send(message)
    except StoreBusy:
        raise
    except ChurnError as failure:
        error = failure
    now, attempt = context.clock(), message.attempts + 1
    with context.open_store() as store:
        outbox = sending.outbox(store)
        if error is None:
            outbox.delivered(message, now)
            return True
        note_failure(outbox, message, error, now, max_attempts=sending.max_attempts(message))
    sending.failed(message, attempt, error)
    return False


def note_failure(
    outbox: Outbox[MessageT], message: MessageT, error: ChurnError, now: datetime, *, max_attempts: int
) -> None:
    """Note that a message did not arrive: it is tried after a longer wait, at least that asked for, or given up."""
    attempt = message.attempts + 1
    if attempt >= max_attempts:
        outbox.give_up(message, str(error), now)
        return
    wait = min(_FIRST_WAIT * 2 ** (attempt - 1), _LONGEST_WAIT)
    if isinstance(error, RateLimited) and error.retry_after is not None:
        wait = max(wait, min(timedelta(seconds=error.retry_after), _LONGEST_WAIT))
    outbox.postpone(message, str(error), now + wait)
