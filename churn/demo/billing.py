"""How customers pay: a monthly invoice, cards that expire or lack funds, retries, and the end of service when all fail."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from churn.demo.ledger import Ledger
from churn.demo.population import FEES
from churn.demo.seats import NEVER, Flags, Places, Seats
from churn.demo.streams import rare
from churn.demo.timeline import DAY, calendar_day

STATUSES = ("succeeded", "failed", "refunded")
_RETRY_AFTER = np.array([0, 2, 3, 9], dtype=np.int32)  # days from the first, second, third failure to the next attempt
_STEP_SHARE = np.array([1, 1, 0.75, 0.6], dtype=np.float32)  # later retries help less
LAST_STEP = 4  # failures after which service ends
_EXPIRY_RATE = 1 / 1500  # a card expires and is not renewed by itself, per day
_MEND_RATE = 0.02  # per day, of those who log in
_REFUND_SHARE = 0.004


def payment_ledger() -> Ledger:
    """Return the ledger of payment attempts and refunds."""
    return Ledger(
        {"customer": np.int32, "attempted_at": np.int64, "amount": np.float32, "status": np.int8, "method": np.int8}
    )


def recovery_share(seats: Seats, places: Places) -> NDArray[np.float32]:
    """Return the chance that a retry succeeds: lower for a dead card, much lower for those who no longer look."""
    share = np.where(seats.is_card_broken[places], 0.34, 0.55)
    looks_away = seats.is_turned_away[places] | (seats.silent_days[places] > 14)
    result: NDArray[np.float32] = (
        share * np.where(looks_away, 0.45, 1.0) * _STEP_SHARE[seats.dunning_step[places]]
    ).astype(np.float32)
    return result


def bill_day(
    seats: Seats,
    present: Flags,
    day: int,
    random: np.random.Generator,
    ledger: Ledger | None,
    *,
    spared: Flags,
    doomed: Flags | None = None,
) -> tuple[Places, NDArray[np.float32]]:
    """Attempt today's invoices and retries.

    Returns the places whose last attempt was made today and each one's chance of failing it; those that did fail
    have `dunning_step` 4. For the `spared` the last attempt always succeeds, for the `doomed` every attempt fails.
    """
    count = len(present)
    expires = rare(random, count, _EXPIRY_RATE)
    seats.is_card_broken[expires[seats.method[expires] != 1]] = True
    reminded = rare(random, count, _MEND_RATE)
    seats.is_card_broken[reminded[seats.silent_days[reminded] == 0]] = False  # those who log in see the reminder
    seats.failure_load *= np.float32(0.977)
    opens = np.flatnonzero(present & (seats.billing_dom == calendar_day(day).day) & (seats.dunning_step == 0))
    retries = np.flatnonzero(present & (seats.retry_on == day))
    places = np.concatenate([opens, retries])
    step = seats.dunning_step[places]
    chance = 1 / (1 + np.exp(-seats.fail_logit[places]))
    chance = np.where(seats.is_card_broken[places], 0.97, chance)
    chance = np.where(step > 0, 1 - recovery_share(seats, places), chance)
    is_last = step == LAST_STEP - 1
    chance = np.where(is_last & spared[places], 0.0, chance)
    if doomed is not None:
        chance = np.where(doomed[places], 1.0, chance)
    draw = random.random((3, len(places)))
    fails = draw[0] < chance
    seats.dunning_step[places] = np.where(fails, step + 1, 0)
    seats.failure_load[places] += fails
    seats.is_card_broken[places[~fails]] = False
    seats.retry_on[places] = np.where(fails & ~is_last, day + _RETRY_AFTER[np.minimum(step + 1, 3)], NEVER)
    if ledger is not None:
        _tell(seats, places, fails, day, draw, ledger)
    return places[is_last], chance[is_last].astype(np.float32)


def _tell(
    seats: Seats, places: Places, fails: NDArray[np.bool_], day: int, draw: NDArray[np.float64], ledger: Ledger
) -> None:
    attempted_at = day * DAY + ((2 + 4 * draw[1]) * 3600).astype(np.int64)
    ledger.add(
        len(places),
        customer=seats.customer[places],
        attempted_at=attempted_at,
        amount=FEES[seats.plan[places]],
        status=fails,
        method=seats.method[places],
    )
    back = ~fails & (draw[2] < _REFUND_SHARE)
    refunded = places[back]
    ledger.add(
        len(refunded),
        customer=seats.customer[refunded],
        attempted_at=attempted_at[back] + 5 * 3600,  # the same day, so that it falls before any leaving
        amount=FEES[seats.plan[refunded]],
        status=2,
        method=seats.method[refunded],
    )
