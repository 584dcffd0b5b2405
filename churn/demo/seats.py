"""The company's seats: one current customer each, with traits and the state that moves from day to day."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from churn.demo.population import Columns

Floats = NDArray[np.float32]
Bytes = NDArray[np.int8]
Days = NDArray[np.int32]
Flags = NDArray[np.bool_]
Places = NDArray[np.intp]  # positions of seats

NEVER = np.iinfo(np.int32).max


@dataclass
class Seats:
    """Arrays of equal length, one place per seat. A seat is vacant between one customer's leaving and the next's sign-up."""

    # traits, drawn once per customer
    age: Floats
    need: Floats
    price: Floats
    tech: Floats
    frailty: Floats
    plan: Bytes
    method: Bytes
    login_rate: Floats
    fail_logit: Floats
    ticket_rate: Floats
    chronotype: Bytes
    weekend_factor: Floats
    session_factor: Floats
    is_tracked: Flags
    billing_dom: Bytes
    has_consent: Flags
    # who, and since when
    customer: Days
    signed_up_day: Days
    is_taken: Flags
    subscription: Days
    subscription_since: NDArray[np.int64]  # seconds
    # state
    mood: Floats  # autoregressive engagement, log scale
    attachment: Floats  # 1 at full use; decays towards 0 once the customer turns away
    is_turned_away: Flags
    silent_days: Days
    quiet_until: Days
    trouble_until: Days
    away_until: Days  # paused, or between a cancellation and its withdrawal; 0 when present
    ticket_load: Floats
    failure_load: Floats
    use: Floats  # running mean of logins a day
    pressure: Floats  # standing log pressure to leave
    is_card_broken: Flags
    dunning_step: Bytes  # failed attempts of the open invoice
    retry_on: Days
    contact_until: Days
    contact_factor: Floats  # on the cancel rate, while `contact_until` lies ahead

    def fill(self, places: Places, traits: Columns, customer: NDArray[np.int32], signed_up_day: NDArray[Any]) -> None:
        """Seat new customers at `places`, with fresh state; sets no subscription."""
        for name, values in traits.items():
            if hasattr(self, name):
                getattr(self, name)[places] = values
        self.customer[places] = customer
        self.signed_up_day[places] = signed_up_day
        self.is_taken[places] = True
        self.attachment[places] = 1.0
        self.use[places] = traits["login_rate"]
        for name in (
            "mood",
            "ticket_load",
            "failure_load",
            "silent_days",
            "quiet_until",
            "trouble_until",
            "away_until",
        ):
            getattr(self, name)[places] = 0
        for name in ("dunning_step", "contact_until", "is_turned_away", "is_card_broken"):
            getattr(self, name)[places] = 0
        self.retry_on[places] = NEVER
        self.contact_factor[places] = 1.0

    def vacate(self, places: Places) -> None:
        """Vacate the seats at `places`."""
        self.is_taken[places] = False
        self.retry_on[places] = NEVER


def empty_seats(count: int) -> Seats:
    """Return `count` vacant seats."""
    kinds = {
        "Floats": np.float32,
        "Bytes": np.int8,
        "Days": np.int32,
        "Flags": np.bool_,
        "NDArray[np.int64]": np.int64,
    }
    return Seats(**{field.name: np.zeros(count, dtype=kinds[str(field.type)]) for field in fields(Seats)})
