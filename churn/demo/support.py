"""What customers ask for help with: everyday questions, and spells of technical trouble that bring ticket after ticket."""

from __future__ import annotations

import numpy as np

from churn.demo.ledger import Ledger
from churn.demo.seats import Flags, Seats
from churn.demo.streams import rare
from churn.demo.timeline import DAY

CATEGORIES = ("technical", "billing", "account", "feature_request")
_TROUBLE_RATE = 0.0005  # a spell begins, per day, at average skill
_MOST_CLUMSY = 12.0  # factor on that rate for the least skilled; more is cut
_TROUBLE_DAYS = 45.0
_TROUBLE_TICKETS = 0.095  # tickets a day during a spell


def ticket_ledger() -> Ledger:
    """Return the ledger of tickets."""
    return Ledger({"customer": np.int32, "opened_at": np.int64, "closed_at": np.int64, "category": np.int8})


def ask_for_help(seats: Seats, present: Flags, day: int, random: np.random.Generator, ledger: Ledger | None) -> None:
    """Begin spells of trouble, open tickets, and note them in `ledger`."""
    count = len(present)
    candidates = rare(random, count, _TROUBLE_RATE * _MOST_CLUMSY)
    luck = random.random(len(candidates))
    begins = candidates[luck * _MOST_CLUMSY < np.exp(-0.7 * seats.tech[candidates])]
    seats.trouble_until[begins] = day + random.exponential(_TROUBLE_DAYS, len(begins)).astype(np.int32)
    in_trouble = seats.trouble_until > day
    asks = np.where(seats.dunning_step > 0, np.float32(4), np.float32(1))
    rate = np.where(in_trouble, np.float32(_TROUBLE_TICKETS), seats.ticket_rate * asks)
    places = np.flatnonzero((random.random(count, dtype=np.float32) < rate) & present)
    seats.ticket_load *= np.float32(0.978)  # a month's half-life
    seats.ticket_load[places] += 1
    if ledger is None:
        return
    pick = random.random((3, len(places)))
    everyday = np.searchsorted([0.30, 0.55, 0.82], pick[0])
    billing = np.where(pick[0] < 0.75, 1, everyday)
    category = np.where(
        in_trouble[places],
        np.where(pick[0] < 0.93, 0, everyday),
        np.where(seats.dunning_step[places] > 0, billing, everyday),
    )
    opened_at = day * DAY + ((8 + 13 * pick[1]) * 3600).astype(np.int64)
    hours = np.exp(2.6 + 0.9 * (category == 0)) * -np.log1p(-pick[2] * 0.999)
    ledger.add(
        len(places),
        customer=seats.customer[places],
        opened_at=opened_at,
        closed_at=opened_at + 600 + (hours * 3600).astype(np.int64),
        category=category,
    )
