"""Why customers leave: how they turn away from the service, and the daily rate at which they then decide to cancel."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from churn.demo.population import FEES
from churn.demo.scenarios import Scenario
from churn.demo.seats import Flags, Floats, Seats
from churn.demo.streams import rare


@dataclass(frozen=True)
class Calibration:
    """Fitted once, by simulation, so that the case's findings come out; rates are per day, `log_` are logarithms."""

    log_turn_away: float = -5.08  # an engaged customer turns away
    log_cancel_engaged: float = -9.8  # cancels without having turned away
    log_cancel_turned: float = -8.96  # cancels after having turned away
    return_rate: float = 1 / 67  # comes back to full use
    decay: float = 0.72  # attachment kept from one day to the next after turning away
    signal: float = 0.82  # how strongly circumstances that leave traces in the data move the rates
    noise: float = 1.0  # how strongly unseen frailty does
    quiet_rate: float = 1 / 130  # a spell without logins that means nothing begins
    quiet_days: float = 24.0  # its mean length
    onset_share: float = 0.85  # of the signal: in turning away,
    turned_share: float = 0.8  # in cancelling afterwards,
    engaged_share: float = 0.7  # and in cancelling at once
    silence_pull: float = 6.0  # log rate of the turned, growing with silence
    silence_full: float = 39.0  # until so many days
    forgetting: float = 2.6  # log rate lost again after months of silence
    ticket_pull: float = 0.63  # log rate per recent ticket
    failure_pull: float = 0.25  # log rate per recent failed payment
    random_monthly: float = 0.08  # churn in the no-signal world


CALIBRATED = Calibration()
_PAST_RATE, _PAST_TENURE, _PAST_TRAITS = 0.066, 0.9, 1.1  # monthly churn before the story starts, and what moved it
COMPETITOR_PULL = 0.0028  # extra daily rate for the young while a competitor's discounts last


def tenure_pressure(months: Floats) -> Floats:
    """Return the log pressure of tenure: high at the start, and again when a year's habit or discount is reviewed."""
    total: Floats = (
        0.75 * (months < 3)
        + 1.2 * ((months > 10.5) & (months < 13.2))
        + 0.6 * ((months > 22.5) & (months < 25.2))
        - 0.9 * ((months >= 4) & (months <= 10))
        - 0.7 * (months > 26)
    ).astype(np.float32)
    return total


def trait_pressure(traits: Mapping[str, NDArray[Any]], use: Floats) -> Floats:
    """Return the log pressure of who the customer is and how much they use (logins a day) of what they pay for.

    The parts interact on purpose: age turns the sign of the fee's effect, and use that of the plan's.
    """
    fee = FEES[traits["plan"]]
    is_costly, is_cheap = fee > 30, fee < 20
    is_young = traits["age"] < 32
    age_and_fee = np.where(is_young, 1.0 * is_costly - 0.7 * is_cheap, 0.6 * is_cheap - 0.5 * is_costly)
    heavy_use = np.where(use > 0.75, 0.8 * is_cheap - 0.7 * is_costly, 0.0)
    light_use = np.where(use < 0.28, 0.8 * is_costly - 0.6 * is_cheap, 0.0)
    rhythm = np.where(traits["chronotype"] == 3, 0.45, -0.15) * np.where(is_young, 1.0, -1.0)
    payer = np.where(traits["method"] == 1, -0.4, np.where(traits["method"] == 3, 0.5, 0.0))
    total: Floats = (age_and_fee + heavy_use + light_use + rhythm + payer + 0.15 * traits["price"]).astype(np.float32)
    return total


def circumstances(seats: Seats, day: int) -> Floats:
    """Return each customer's standing log pressure to leave, from facts that show in the data.

    Tenure goes up and down and traits interact, so that a straight line through the features sees only a part of it.
    """
    tenure = ((day - seats.signed_up_day) / np.float32(30.44)).astype(np.float32)
    return tenure_pressure(tenure) + trait_pressure(vars(seats), seats.use)


def starting_pressure(traits: Mapping[str, NDArray[Any]]) -> Floats:
    """Return the standing log pressure of customers who have just signed up."""
    return trait_pressure(traits, traits["login_rate"]) + tenure_pressure(np.zeros(1, dtype=np.float32))


def survival_share(traits: Mapping[str, NDArray[Any]], tenure_days: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the chance that a customer with these traits is still there after `tenure_days`: an approximation.

    It settles the company with customers as a long past would have left them, so that churn starts in balance.
    """
    months = np.arange(61, dtype=np.float32)
    burden = np.concatenate([[0.0], np.cumsum(np.exp(_PAST_TENURE * tenure_pressure(months[:-1] + np.float32(0.5))))])
    standing = _PAST_TRAITS * trait_pressure(traits, traits["login_rate"].astype(np.float32)) + 0.9 * traits["frailty"]
    unpaid = 0.17 / (1 + np.exp(-traits["fail_logit"]))  # monthly end of service of those who often cannot pay
    past_months = tenure_days / 30.44
    burden_now = np.exp(standing) * np.interp(past_months, months, burden)
    share: NDArray[np.float64] = np.exp(-_PAST_RATE * burden_now - unpaid * past_months)
    return share


def turning(seats: Seats, present: Flags, random: np.random.Generator, constants: Calibration) -> None:
    """Let engaged customers turn away and some of the turned return; attachment decays or recovers accordingly."""
    count = len(present)
    uniform = random.random(count, dtype=np.float32)
    standing = (
        constants.signal * constants.onset_share * seats.pressure
        + constants.noise * seats.frailty
        + constants.ticket_pull * seats.ticket_load
    )
    onset = uniform < np.exp(constants.log_turn_away + standing)
    seats.is_turned_away |= onset
    seats.is_turned_away &= present
    seats.is_turned_away[rare(random, count, constants.return_rate)] = False
    seats.attachment = np.where(
        seats.is_turned_away, seats.attachment * constants.decay, np.minimum(1.0, seats.attachment + 0.12)
    ).astype(np.float32)


def forgotten(seats: Seats) -> Floats:
    """Return how far (0..1) customers without logins have forgotten that they pay: they stay until a contact reminds them."""
    days: Floats = seats.silent_days.astype(np.float32)
    share: Floats = np.clip((days - np.float32(55)) / np.float32(25), np.float32(0), np.float32(1))
    return share


def cancel_rate(seats: Seats, month: int, scenario: Scenario, constants: Calibration) -> Floats:
    """Return each customer's daily rate of deciding to cancel, without contact; meaningful for present customers only."""
    if scenario.is_random_churn:
        return np.full(len(seats.age), -np.log1p(-constants.random_monthly) / 30.0, dtype=np.float32)
    silent = seats.silent_days.astype(np.float32)
    silence = np.minimum(silent / np.float32(constants.silence_full), np.float32(1))
    level = np.where(
        seats.is_turned_away,
        constants.log_cancel_turned
        + constants.silence_pull * silence
        - constants.forgetting * forgotten(seats)
        + 0.45 * constants.noise * seats.frailty,
        constants.log_cancel_engaged + 0.7 * constants.noise * seats.frailty,
    )
    weight = np.where(
        seats.is_turned_away,
        np.float32(constants.signal * constants.turned_share),
        np.float32(constants.signal * constants.engaged_share),
    )
    level += (
        weight * seats.pressure
        + constants.ticket_pull * np.minimum(seats.ticket_load, 6)
        + constants.failure_pull * np.minimum(seats.failure_load, 4)
    )
    rate = np.minimum(np.exp(level), 0.25)
    if scenario.competitor_from_month is not None and month >= scenario.competitor_from_month:
        rate = rate + COMPETITOR_PULL / (1.0 + np.exp((seats.age - 34.0) / 3.0))
    result: Floats = rate.astype(np.float32)
    return result
