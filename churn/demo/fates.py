"""What happens to each customer in the coming month: the potential outcome that the truth holds for the contact made."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl

from churn.demo.billing import LAST_STEP
from churn.demo.offers import OFFERS
from churn.demo.seats import NEVER, Days, Flags, Places, Seats
from churn.demo.streams import Streams
from churn.demo.timeline import HORIZON_DAYS, LEAD_DAYS, calendar_day
from churn.errors import ConfigError

_DUNNING_DAYS = np.array([14, 12, 9, 0], dtype=np.int64)  # from the attempt after so many failures to the last one
OUTCOMES = ("churn_without_contact", *(f"churn_under_{offer}" for offer in OFFERS))


def potential_outcomes(folder: Path, month_start: date) -> pl.DataFrame:
    """Return the truth of the customers active on `month_start`: customer_id and, per arm, whether they leave in 30 days.

    Those who leave in the days before a contact could take effect are lost under every offer; `is_involuntary` and
    `p_` columns are kept. Raises ConfigError when the truth does not hold that month.
    """
    truth = pl.concat([pl.scan_parquet(path) for path in sorted(folder.glob("truth*.parquet"))], how="diagonal")
    rows = truth.filter((pl.col("month_start_date") == month_start) & pl.col("is_active")).collect()
    if rows.is_empty():
        raise ConfigError(f"holds no truth of {month_start}", where=str(folder), remedy="Run `churn demo` again.")
    return rows.with_columns(
        pl.col("churn_without_contact").is_null().alias("is_lost_early"),
        pl.col(*OUTCOMES).fill_null(value=True),
        pl.col("is_involuntary").fill_null(value=False),
    )


@dataclass(frozen=True)
class Fates:
    """Per seat: whether the truth covers the customer, and whether, when and how they leave."""

    is_written: Flags
    leave_day: Days  # NEVER for those who stay
    is_unpaid: Flags  # they leave because the last payment attempt fails

    @property
    def is_leaving(self) -> Flags:
        """Seats whose customer leaves in the window."""
        return self.leave_day < NEVER


def write_fates(seats: Seats, outcomes: pl.DataFrame, offers: pl.DataFrame, day: int, streams: Streams) -> Fates:
    """Return the fates of the customers seated on `day`, the first of the month.

    `outcomes` is what `potential_outcomes` returns, with the customers' numbers as `customer`; `offers` says customer
    and offer of those contacted. Everyone who leaves does so within HORIZON_DAYS days from `day`, and after the lead
    unless lost early, so that a window counted from `day` and one counted from the end of the lead hold the same people.
    """
    arm = pl.coalesce(
        *(pl.when(pl.col("offer") == name).then(pl.col(f"churn_under_{name}")) for name in OFFERS),
        pl.col("churn_without_contact"),
    )
    known = outcomes.join(offers, on="customer", how="left").select(
        "customer", arm.alias("leaves"), "is_lost_early", "is_involuntary"
    )
    order = np.argsort(seats.customer)
    positions = np.searchsorted(seats.customer[order], known["customer"].to_numpy())
    places: Places = order[positions]
    count = len(seats.customer)
    random = streams.of("fates", day)
    early = np.zeros(count, dtype=np.bool_)
    leaves, unpaid, written = early.copy(), early.copy(), early.copy()
    written[places] = True
    leaves[places] = known["leaves"].to_numpy()
    early[places] = known["is_lost_early"].to_numpy()
    unpaid[places] = known["is_involuntary"].to_numpy()
    first, last = day + LEAD_DAYS, day + HORIZON_DAYS - 1
    drawn = np.where(
        early, random.integers(day, first, count), random.integers(first, last + 1, count)
    )  # whoever decides to leave does so on any day
    last_attempt = np.clip(_last_attempts(seats, day, first), first, last)
    unpaid &= leaves & ~early
    return Fates(
        is_written=written,
        leave_day=np.where(leaves, np.where(unpaid, last_attempt, drawn), NEVER).astype(np.int32),
        is_unpaid=unpaid,
    )


def _last_attempts(seats: Seats, day: int, first: int) -> Days:
    """Return when the last attempt of each customer's open invoice is due, or of the next one if that is before `first`."""
    step = np.minimum(seats.dunning_step, LAST_STEP - 1)
    running = seats.retry_on.astype(np.int64) + _DUNNING_DAYS[step]
    upcoming = np.zeros(len(step), dtype=np.int64)
    for ahead in reversed(range(31)):
        upcoming[seats.billing_dom == calendar_day(day + ahead).day] = day + ahead + _DUNNING_DAYS[0]
    return np.where((step > 0) & (running >= first), running, upcoming).astype(np.int32)
