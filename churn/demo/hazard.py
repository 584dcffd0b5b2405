"""Why customers leave: how they turn away from the service, and the daily rate at which they then decide to cancel."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from churn.demo.population import FEES
from churn.demo.scenarios import Scenario
from churn.demo.seats import Flags, Floats, Seats


@dataclass(frozen=True)
class Calibration:
    """Fitted once, by simulation, so that the case's findings come out; rates are per day, `log_` are logarithms."""

    log_turn_away: float = -6.5  # an engaged customer turns away
    log_cancel_engaged: float = -7.6  # cancels without having turned away
    log_cancel_turned: float = -4.75  # cancels after having turned away
    return_rate: float = 1 / 260  # comes back to full use
    decay: float = 0.90  # attachment kept from one day to the next after turning away
    signal: float = 1.15  # how strongly circumstances that leave traces in the data move the rates
    noise: float = 0.45  # how strongly unseen frailty does
    quiet_rate: float = 1 / 230  # a spell without logins that means nothing begins
    quiet_days: float = 24.0  # its mean length
    ticket_pull: float = 0.20  # log rate per recent ticket
    failure_pull: float = 0.25  # log rate per recent failed payment
    random_monthly: float = 0.08  # churn in the no-signal world


CALIBRATED = Calibration()
COMPETITOR_PULL = 0.0028  # extra daily rate for the young while a competitor's discounts last


def circumstances(seats: Seats, day: int) -> Floats:
    """Return each customer's standing log pressure to leave, from facts that show in the data.

    The parts interact on purpose (age turns the sign of the fee's effect, use that of the plan's, tenure goes up and
    down), so that a straight line through the features sees only a part of it.
    """
    tenure = (day - seats.signed_up_day) / np.float32(30.44)
    bump = 0.75 * (tenure < 3) + 1.2 * ((tenure > 10.5) & (tenure < 13.2)) + 0.6 * ((tenure > 22.5) & (tenure < 25.2))
    settled = -0.9 * ((tenure >= 4) & (tenure <= 10)) - 0.7 * (tenure > 26)
    fee = FEES[seats.plan]
    is_costly = fee > 30
    is_cheap = fee < 20
    is_young = seats.age < 32
    heavy = seats.use > 0.75
    light = seats.use < 0.28
    age_and_fee = np.where(is_young, 1.0 * is_costly - 0.7 * is_cheap, 0.6 * is_cheap - 0.5 * is_costly)
    use_and_fee = np.where(heavy, 0.8 * is_cheap - 0.7 * is_costly, 0.0) + np.where(
        light, 0.8 * is_costly - 0.6 * is_cheap, 0.0
    )
    rhythm = np.where(seats.chronotype == 3, 0.45, -0.15) * np.where(is_young, 1.0, -1.0)
    payer = np.where(seats.method == 1, -0.4, np.where(seats.method == 3, 0.5, 0.0))
    total: Floats = (bump + settled + age_and_fee + use_and_fee + rhythm + payer + 0.15 * seats.price).astype(
        np.float32
    )
    return total


def turning(
    seats: Seats, present: Flags, pressure: Floats, random: np.random.Generator, constants: Calibration
) -> None:
    """Let engaged customers turn away and some of the turned return; attachment decays or recovers accordingly."""
    uniform = random.random(len(pressure), dtype=np.float32)
    standing = (
        constants.signal * 0.6 * pressure + constants.noise * seats.frailty + constants.ticket_pull * seats.ticket_load
    )
    onset = uniform < np.exp(constants.log_turn_away + standing)
    back = uniform < constants.return_rate
    seats.is_turned_away = np.where(seats.is_turned_away, ~back, onset) & present
    seats.attachment = np.where(
        seats.is_turned_away, seats.attachment * constants.decay, np.minimum(1.0, seats.attachment + 0.12)
    ).astype(np.float32)


def cancel_rate(
    seats: Seats, day: int, month: int, pressure: Floats, scenario: Scenario, constants: Calibration
) -> Floats:
    """Return each customer's daily rate of deciding to cancel, without contact; meaningful for present customers only."""
    if scenario.is_random_churn:
        return np.full(len(pressure), -np.log1p(-constants.random_monthly) / 30.0, dtype=np.float32)
    silence = np.minimum(seats.silent_days, 45) / np.float32(45)
    level = np.where(
        seats.is_turned_away,
        constants.log_cancel_turned + 0.8 * silence + 0.15 * constants.noise * seats.frailty,
        constants.log_cancel_engaged + 0.7 * constants.noise * seats.frailty,
    )
    level += (
        constants.signal * pressure
        + constants.ticket_pull * np.minimum(seats.ticket_load, 6)
        + constants.failure_pull * np.minimum(seats.failure_load, 4)
    )
    rate = np.minimum(np.exp(level), 0.25)
    if scenario.competitor_from_month is not None and month >= scenario.competitor_from_month:
        rate = rate + COMPETITOR_PULL / (1.0 + np.exp((seats.age - 34.0) / 3.0))
    result: Floats = rate.astype(np.float32)
    return result
