"""Past contacts of the company: a few campaigns to customers who had stopped logging in, with their real effect."""

from __future__ import annotations

import numpy as np

from churn.demo.ledger import Ledger
from churn.demo.offers import OFFERS
from churn.demo.outcomes import Window
from churn.demo.seats import Seats
from churn.demo.timeline import DAY, calendar_day

_MONTHS = (4, 8, 12)  # of the calendar year: those whose window no earlier one overlaps
_OFFER = OFFERS.index("price_incentive")
CONTACT_CHANNELS = ("email", "phone")


def contact_ledger() -> Ledger:
    """Return the ledger of contacts; `day` names the campaign."""
    return Ledger({"customer": np.int32, "contacted_at": np.int64, "channel": np.int8})


def run_campaign(seats: Seats, window: Window, random: np.random.Generator, ledger: Ledger | None) -> None:
    """On the first day of some windows, offer a discount to some customers without logins and to a few others."""
    day = window.first_day
    if ledger is None or calendar_day(day).month not in _MONTHS:
        return
    uniform = random.random(len(seats.customer))
    share = np.where(seats.silent_days >= 14, 0.10, 0.006)
    places = np.flatnonzero(window.is_open & (seats.away_until <= day) & seats.has_consent & (uniform < share))
    window.contact[places] = _OFFER
    seats.contact_factor[places] = window.effects.factor[_OFFER, places]
    seats.contact_until[places] = window.end_day
    at = day * DAY + ((6 + random.random(len(places))) * 3600).astype(np.int64)
    ledger.add(len(places), customer=seats.customer[places], contacted_at=at, channel=random.random(len(places)) < 0.25)
