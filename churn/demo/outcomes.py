"""The truth nobody sees in practice: for each customer and month, what happens without contact and under each offer.

One draw serves every arm. A customer's cancellation under a daily rate h and an exponential draw E comes on the first
day with E < h; an offer multiplies h by a factor f, so over the window the customer cancels exactly if
min(E / h) < f. Keeping that minimum couples all potential outcomes. Likewise one uniform draw decides which rescue
chances would have saved a customer whose last payment attempt failed.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from churn.demo.offers import OFFERS, Effects
from churn.demo.seats import Floats, Places, Seats
from churn.demo.timeline import HORIZON_DAYS, LEAD_DAYS, calendar_day


class Window:
    """One month's label window: opened at the snapshot date, fed day by day, closed into a frame.

    Attributes are arrays by seat; `is_open` says whether the seat still holds the customer it held at the snapshot.
    """

    def __init__(self, month: int, start_day: int, seats: Seats, effects: Effects) -> None:
        self.month = month
        self.start_day = start_day
        self.first_day = start_day + LEAD_DAYS
        self.end_day = self.first_day + HORIZON_DAYS
        self.effects = effects
        self.customer = seats.customer.copy()
        self.was_taken = seats.is_taken.copy()
        self.was_active = seats.is_taken & (seats.away_until <= start_day)
        self.is_open = seats.is_taken.copy()
        count = len(self.customer)
        self.ratio = np.full(count, np.inf, dtype=np.float32)  # min of E / h so far
        self.exposure = np.zeros(count, dtype=np.float32)  # sum of h so far
        self.stays_paying = np.ones(count, dtype=np.float32)  # chance that no last payment attempt failed
        self.has_churned = np.zeros(count, dtype=np.bool_)
        self.left_in_lead = np.zeros(count, dtype=np.bool_)
        self.is_involuntary = np.zeros(count, dtype=np.bool_)
        self.contact = np.full(count, -1, dtype=np.int8)

    def covers(self, day: int) -> bool:
        """Whether `day` lies in the label window."""
        return self.first_day <= day < self.end_day

    def note_rates(self, rate: Floats, draw: Floats) -> None:
        """Take in one day's rates without contact (0 for the absent) and its exponential draws."""
        with np.errstate(divide="ignore"):
            ratio = draw / rate
        self.ratio = np.where(self.is_open, np.minimum(self.ratio, ratio), self.ratio)
        self.exposure += np.where(self.is_open, rate, np.float32(0))

    def note_last_attempts(self, places: Places, chance: NDArray[np.float32]) -> None:
        """Take in the chance with which a last payment attempt failed today."""
        here = places[self.is_open[places]]
        self.stays_paying[here] *= 1 - chance[self.is_open[places]]

    def note_leaving(
        self, places: Places, day: int, rate: Floats, random: np.random.Generator, *, is_involuntary: bool
    ) -> None:
        """Close the seats of those who leave today; what the rest of the window held for them is drawn from today's rate."""
        draw = random.standard_exponential(len(places), dtype=np.float32)
        mine = self.is_open[places]
        places, draw = places[mine], draw[mine]
        self.is_open[places] = False
        if day < self.first_day:
            self.left_in_lead[places] = True
            return
        self.has_churned[places] = True
        self.is_involuntary[places] = is_involuntary
        rest = np.maximum(rate[places] * (self.end_day - 1 - day), np.float32(1e-9))
        self.ratio[places] = np.minimum(self.ratio[places], draw / rest)
        self.exposure[places] += rest

    def close(self, random: np.random.Generator) -> pl.DataFrame:
        """Return the truth of every customer seated at the snapshot."""
        rescue_draw = random.random(len(self.customer), dtype=np.float32)
        kept = np.flatnonzero(self.was_taken)
        known = ~self.left_in_lead & self.was_active
        unit = np.float32(1)
        lost = self.has_churned & self.is_involuntary
        columns: dict[str, NDArray[Any]] = {
            "customer": self.customer[kept],
            "month": np.full(len(kept), self.month, dtype=np.int16),
            "is_active": self.was_active[kept],
            "has_churned": self.has_churned[kept],
            "is_involuntary": lost[kept],
            "contacted_with": self.contact[kept],
            "p_no_contact": (unit - np.exp(-self.exposure) * self.stays_paying)[kept],
            "churn_without_contact": ((self.ratio < 1) | lost)[kept],
        }
        for offer, name in enumerate(OFFERS):
            factor, rescue = self.effects.factor[offer], self.effects.rescue[offer]
            paying = unit - (unit - self.stays_paying) * (unit - rescue)
            columns[f"p_{name}"] = (unit - np.exp(-self.exposure * factor) * paying)[kept]
            columns[f"churn_under_{name}"] = ((self.ratio < factor) | (lost & (rescue_draw >= rescue)))[kept]
        frame = pl.DataFrame(columns).with_columns(
            pl.lit(calendar_day(self.start_day)).alias("month_start_date"), pl.Series("is_known", known[kept])
        )
        unknown = ["has_churned", "is_involuntary", "churn_without_contact", *(f"churn_under_{o}" for o in OFFERS)]
        return frame.with_columns(pl.when("is_known").then(pl.col(name)).alias(name) for name in unknown).with_columns(
            _segment()
        )


def named_truth(truth: pl.DataFrame, ids: pl.Series) -> pl.DataFrame:
    """Return the truth as it is written: with the customers' ids and the offers' names."""
    offers = pl.Series("offer", [*OFFERS, None], dtype=pl.String)
    contacted = truth["contacted_with"].to_numpy()
    truth = truth.with_columns(
        ids.gather(truth["customer"].cast(pl.UInt32)).alias("customer_id"),
        offers.gather(contacted % len(offers)).alias("contacted_with"),
    )
    first = ("customer_id", "month", "month_start_date", "is_active")
    return truth.select(*first, pl.exclude(*first, "customer", "is_known"))


def _segment() -> pl.Expr:
    """Name the customer by what the best and the worst offer would do to the probability of leaving."""
    alone = pl.col("p_no_contact")
    best = pl.min_horizontal(f"p_{name}" for name in OFFERS)
    worst = pl.max_horizontal(f"p_{name}" for name in OFFERS)
    return (
        pl.when(worst - alone > 0.03)
        .then(pl.lit("sleeping_dog"))
        .when(alone - best >= 0.04)
        .then(pl.lit("persuadable"))
        .when(alone >= 0.15)
        .then(pl.lit("lost_cause"))
        .otherwise(pl.lit("sure_thing"))
        .alias("segment")
    )
