"""What contact does: how each offer would change a customer's odds of leaving, for the better or for the worse."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from churn.demo.hazard import forgotten
from churn.demo.seats import Seats

OFFERS = ("fix_payment", "support_call", "price_incentive")


@dataclass(frozen=True)
class Effects:
    """Per offer (rows, in the order of OFFERS) and seat: a factor on the cancel rate, and the chance to rescue a failed payment."""

    factor: NDArray[np.float32]
    rescue: NDArray[np.float32]


def effects(seats: Seats, day: int) -> Effects:
    """Return what each offer would do to each customer as they are on `day`.

    Contact wakes sleeping dogs: customers who pay without using, and have no need, are reminded that they can leave.
    """
    is_dozing = (seats.silent_days >= 10) & (seats.need < 0.1) & (seats.price < 0.5)
    wakes = np.where(is_dozing, 1.0 + 1.6 / (1.0 + np.exp(2.5 * seats.need)), 1.0) + 3.0 * forgotten(seats)
    in_trouble = (seats.trouble_until > day) | (seats.ticket_load > 2)
    in_dunning = seats.dunning_step > 0
    relief_of_trouble = np.where(in_trouble, 0.62, 0.06)
    relief_of_price = 0.65 / (1.0 + np.exp(-1.8 * (seats.price + 0.1)))
    factor = np.stack(
        [
            np.where(in_dunning, 1.0, wakes),  # a failed payment is a reason to write that nobody minds
            wakes * (1 - relief_of_trouble),
            wakes * (1 - relief_of_price),
        ]
    )
    looks = np.where(seats.silent_days > 14, 0.45, 0.75)
    rescue = np.stack([looks, np.full(len(looks), 0.12), np.zeros(len(looks))])
    return Effects(factor=factor.astype(np.float32), rescue=rescue.astype(np.float32))
