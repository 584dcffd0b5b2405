"""Rows to learn hazards from: how many whole periods each was followed, and by what cause it was lost in the next."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from churn.decisions.lifetime import PERIOD_DAYS
from churn.decisions.survival_scores import Periods

if TYPE_CHECKING:
    from churn.decisions.checks import Bools
    from churn.snapshots.dataset import TrainingSet
    from churn.snapshots.policy import SnapshotPolicy

GROUPS: Final = 8  # of customers, for intervals: what all but one group say
ROW: Final = "_row"
KINDS: Final = ("voluntary", "involuntary")


@dataclass(frozen=True)
class Followed:
    """Rows, and of each (n,): periods seen to their end, cause of a loss in the period after (-1: none seen).

    `frame` has customer_id, and ROW, the row's place in the training set; features are fetched for the sampled ones only.
    `group` numbers the customer's group for intervals; `day` the snapshot date.
    """

    frame: pl.DataFrame
    observed: Periods
    cause: NDArray[np.int64]
    group: NDArray[np.int64]
    day: NDArray[np.datetime64]

    @property
    def is_lost(self) -> Bools:
        """Whether a loss was seen, (n,)."""
        return self.cause >= 0

    @property
    def size(self) -> int:
        """The number of rows."""
        return int(self.observed.size)

    def some(self, chosen: Bools) -> Followed:
        """Return the chosen rows."""
        return Followed(
            self.frame.filter(chosen), self.observed[chosen], self.cause[chosen], self.group[chosen], self.day[chosen]
        )

    def as_known_on(self, day: date, policy: SnapshotPolicy) -> Followed:
        """Return the rows of earlier snapshots as they were known on `day`: losses that were final, and stays, until then."""
        sight = datetime.combine(day, time()) - timedelta(days=policy.grace_days)
        days, place = np.unique(self.day, return_inverse=True)
        opens = [policy.label_window(d)[0] for d in days.astype("datetime64[D]").astype(object)]
        seen = np.array([(sight - at).days // PERIOD_DAYS for at in opens], dtype=np.int64)[place]
        kept = seen >= 1
        rows = self.some(kept)
        seen = seen[kept]
        # Of a loss only its period is known here: it counts where that period had ended.
        known = rows.is_lost & (rows.observed < seen)
        return Followed(
            rows.frame,
            np.where(known, rows.observed, np.minimum(rows.observed, seen)),
            np.where(known, rows.cause, -1),
            rows.group,
            rows.day,
        )

    def sampled(self, at_most: int) -> Followed:
        """Return at most about so many rows, chosen by a hash of customer and date: the same ones on every run."""
        if self.size <= at_most:
            return self
        return self.some(_uniform(self.frame["customer_id"], self.day) < at_most / self.size)


def followed(data: TrainingSet, *, keeps_treated: bool) -> Followed:
    """Return the rows of `data` whose time is told; without `keeps_treated` those that nobody contacted before it opened."""
    assert data.times is not None
    keys = ["customer_id", "snapshot_date"]
    has_flag = "is_treated" in data.frame.columns
    rows = data.frame.select(*keys, *(["is_treated"] if has_flag else [])).with_row_index(ROW)
    frame = rows.join(data.times.rename({"churn_kind": "_cause"}), on=keys, how="inner", maintain_order="left")
    if not keeps_treated and has_flag:
        frame = frame.filter(~pl.col("is_treated").fill_null(value=False))
    observed = (frame["days"].to_numpy() // PERIOD_DAYS).astype(np.int64)
    kinds = frame["_cause"].replace_strict(list(KINDS), [0, 1], default=-1, return_dtype=pl.Int64).fill_null(-1)
    cause = kinds.to_numpy().astype(np.int64)
    cause[~frame["is_lost"].to_numpy()] = -1
    names = frame["customer_id"].to_list()
    numbers = {name: _number(name) for name in set(names)}
    group = np.array([numbers[name] % GROUPS for name in names], dtype=np.int64)
    day = frame["snapshot_date"].to_numpy().astype("datetime64[D]")
    return Followed(frame.select(ROW, "customer_id"), observed, cause, group, day)


def _number(customer: str) -> int:
    return int.from_bytes(hashlib.blake2b(customer.encode(), digest_size=6).digest(), "big")


def _uniform(customers: pl.Series, day: NDArray[np.datetime64]) -> NDArray[np.float64]:
    """Return a number in 0..1 of each customer and date, mixed by a multiplicative hash."""
    known = {name: _number(name) for name in set(customers.to_list())}
    base = np.array([known[name] for name in customers.to_list()], dtype=np.uint64)
    mixed = (base ^ day.astype("datetime64[D]").astype(np.int64).astype(np.uint64)) * np.uint64(0x9E3779B97F4A7C15)
    mixed ^= mixed >> np.uint64(29)
    mixed *= np.uint64(0xBF58476D1CE4E5B9)
    return (mixed >> np.uint64(11)).astype(np.float64) / float(1 << 53)
