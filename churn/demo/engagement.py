"""When customers use the service: a rhythm of weekday and hour, driven by engagement, broken by spells of silence."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from churn.demo.hazard import Calibration
from churn.demo.ledger import Ledger
from churn.demo.population import CHRONOTYPES
from churn.demo.seats import Flags, Seats
from churn.demo.streams import rare
from churn.demo.timeline import DAY

_MOST_LOGINS = 4  # in one day; beyond that the Poisson tail is cut
_WEEKDAY = np.array([1.08, 1.05, 1.02, 1.04, 0.96, 0.9, 0.95], dtype=np.float32)  # Monday first
_PEAKS = (
    (7.3, 1.6, 18.5, 3.0, 0.7),
    (10.5, 2.6, 15.0, 2.6, 0.55),
    (20.2, 2.2, 12.8, 2.5, 0.75),
    (23.4, 2.0, 21.0, 3.0, 0.7),
)


def session_ledger() -> Ledger:
    """Return the month's ledger of logins: the time of day is drawn when the month is cut."""
    return Ledger({"customer": np.int32, "day": np.int32, "profile": np.uint8, "factor": np.float32})


def live_day(
    seats: Seats, present: Flags, day: int, random: np.random.Generator, constants: Calibration, ledger: Ledger | None
) -> None:
    """Move engagement one day on, draw logins, and note those of tracked customers in `ledger`."""
    count = len(present)
    seats.mood = np.float32(0.94) * seats.mood + np.float32(0.12) * random.standard_normal(count, dtype=np.float32)
    uniform = random.random(count, dtype=np.float32)
    begins = rare(random, count, constants.quiet_rate)
    seats.quiet_until[begins] = day + 5 + random.exponential(constants.quiet_days, len(begins)).astype(np.int32)
    weekday = (day + 3) % 7  # day 0 was a Thursday
    rate = seats.login_rate * seats.attachment * np.exp(seats.mood) * _WEEKDAY[weekday]
    if weekday >= 5:
        rate = rate * seats.weekend_factor
    rate[seats.quiet_until > day] *= np.float32(0.015)
    logins = _poisson(uniform, rate)
    logins[~present] = 0
    seats.silent_days = np.where(logins > 0, np.int32(0), seats.silent_days + np.int32(1))
    seats.use = np.float32(0.97) * seats.use + np.float32(0.03) * logins.astype(np.float32)
    if ledger is not None:
        places = np.flatnonzero((logins > 0) & seats.is_tracked)
        places = np.repeat(places, logins[places])
        profile = seats.chronotype[places] + CHRONOTYPES * (weekday >= 5)
        ledger.add(
            len(places), customer=seats.customer[places], day=day, profile=profile, factor=seats.session_factor[places]
        )


def _poisson(uniform: NDArray[np.float32], rate: NDArray[np.float32]) -> NDArray[np.int8]:
    """Return Poisson counts by inversion of `uniform`, cut at a few a day: faster than a general sampler."""
    none = np.exp(-rate)
    some = np.flatnonzero(uniform > none)
    uniform, rate, term = uniform[some], rate[some], none[some]
    total = term.copy()
    number = np.zeros(len(some), dtype=np.int8)
    for k in range(1, _MOST_LOGINS + 1):
        number += uniform > total
        term = term * rate / np.float32(k)
        total += term
    counts = np.zeros(len(none), dtype=np.int8)
    counts[some] = number
    return counts


def cut_sessions(columns: dict[str, NDArray[Any]], random: np.random.Generator) -> dict[str, NDArray[Any]]:
    """Give each login its second and its length: customer, started_at (seconds), duration_minutes.

    One 32-bit draw serves both: 10 bits choose the time from the profile's quantiles, 7 the second, 15 the length.
    """
    count = len(columns["day"])
    bits = random.integers(0, 2**32, count, dtype=np.uint32)
    minute = _MINUTES[columns["profile"], bits & 1023]
    second = minute * np.int32(60) + ((bits >> np.uint32(10)) & np.uint32(127)).astype(np.int32)
    started_at = columns["day"].astype(np.int64) * DAY + np.minimum(second, DAY - 1)
    duration = _LENGTHS[bits >> np.uint32(17)] * columns["factor"]
    return {"customer": columns["customer"], "started_at": started_at, "duration_minutes": np.round(duration, 1)}


def _minute_quantiles() -> NDArray[np.int32]:
    """Return minute of day at 1024 quantiles for each chronotype, on working days and (two hours later) on weekends."""
    grid = np.arange(1440) / 60.0
    rows = []
    for shift in (0.0, 1.7):
        for first, first_width, second, second_width, share in _PEAKS:
            density = 0.15 / 24 * np.ones(1440)
            for peak, width, weight in ((first, first_width, share), (second, second_width, 1 - share)):
                distance = np.abs(grid - (peak + shift) % 24)
                distance = np.minimum(distance, 24 - distance)
                density += weight / width * np.exp(-0.5 * (distance / width) ** 2)
            rows.append(np.interp((np.arange(1024) + 0.5) / 1024, np.cumsum(density) / density.sum(), np.arange(1440)))
    return np.array(rows).astype(np.int32)


def _length_quantiles() -> NDArray[np.float32]:
    from scipy.special import ndtri

    quantile = (np.arange(2**15) + 0.5) / 2**15
    lengths: NDArray[np.float32] = np.clip(np.exp(2.1 + 0.8 * ndtri(quantile)), 0.2, 240).astype(np.float32)
    return lengths


_MINUTES = _minute_quantiles()
_LENGTHS = _length_quantiles()
