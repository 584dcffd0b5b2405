"""Splits a training set into train, calibrate, select and test: forward in time and purged, or at random by customer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from churn.errors import NotEnoughData
from churn.snapshots.policy import SnapshotPolicy

if TYPE_CHECKING:
    import polars as pl

    from churn.snapshots.dataset import TrainingSet

_LEAST_TRAIN_SHARE = 1 / 3
_LATER_SHARE = 0.1  # each of calibrate, select and test gets this share of the dates, and one date at least


@dataclass(frozen=True)
class Split:
    """Which rows belong to which part: boolean arrays of shape (rows,), disjoint. Rows in none were purged.

    `description` is one sentence for the model card.
    """

    train: NDArray[np.bool_]
    calibrate: NDArray[np.bool_]
    select: NDArray[np.bool_]
    test: NDArray[np.bool_]
    kind: str
    description: str

    @property
    def parts(self) -> dict[str, NDArray[np.bool_]]:
        """The four parts by name."""
        return {"train": self.train, "calibrate": self.calibrate, "select": self.select, "test": self.test}

    @property
    def purged(self) -> NDArray[np.bool_]:
        """Rows left out so that no label window reaches into the next part."""
        return ~(self.train | self.calibrate | self.select | self.test)


def split(data: TrainingSet, kind: str = "auto", *, seed: int = 7) -> Split:
    """Split `data` as `kind` asks: temporal, random, or auto (temporal where there are dates enough, else random).

    Raises NotEnoughData when a temporal split is asked for and the dates do not allow one.
    """
    dates, customers = data.frame["snapshot_date"], data.frame["customer_id"]
    if kind == "random":
        return random_split(customers, seed=seed)
    try:
        return temporal_split(dates, data.policy, customer_ids=customers, seed=seed)
    except NotEnoughData:
        if kind == "temporal":
            raise
        return random_split(customers, seed=seed)


def temporal_split(
    dates: pl.Series, policy: SnapshotPolicy, *, customer_ids: pl.Series | None = None, seed: int = 7
) -> Split:
    """Split rows by their snapshot date: train, then calibrate, then select, then test, each later than the last.

    Every label window of a part closes before the next part's first date; dates in between are left out (purged). Where
    that would leave less than a third of the dates to train on, and `customer_ids` are given, parts are shared by
    customer instead: first calibrate and select, half each of one validation part; then train, calibrate and select,
    which are other customers of the same dates, and only the test is later. Raises NotEnoughData when there is no later
    date to test on.
    """
    days = sorted(dates.unique().to_list())
    column = dates.to_numpy()
    # Sharing dates needs the customers; without them the four parts may be small.
    least = _LEAST_TRAIN_SHARE * len(days) if customer_ids is not None else 1
    four, three, two = (_cut(days, policy, parts=parts) for parts in (4, 3, 2))
    if four is not None and len(four[0]) >= least:
        train, calibrate, select, test = (_among(column, part) for part in four)
        description = _told(("train", "calibrate", "select", "test"), four, days)
        return Split(train, calibrate, select, test, "temporal", description)
    if three is not None and len(three[0]) >= least and customer_ids is not None:
        train, validation, test = (_among(column, part) for part in three)
        first, second = _shared(customer_ids, (1, 1), seed)
        description = _told(("train", "validation", "test"), three, days)
        description += " Half of the validation customers calibrate, the other half select."
        return Split(train, validation & first, validation & second, test, "temporal", description)
    if two is not None and customer_ids is not None:
        earlier, test = (_among(column, part) for part in two)
        train, calibrate, select = (earlier & part for part in _shared(customer_ids, (4, 1, 1), seed))
        description = _told(("train, calibrate and select", "test"), two, days)
        description += " Training, calibration and selection have other customers of the same dates."
        return Split(train, calibrate, select, test, "temporal", description)
    raise NotEnoughData(
        f"{len(days)} snapshot dates ({_span(days)}) cannot be split forward in time: the test must begin after the "
        f"label windows before it have closed, {policy.lead_days + policy.window_days} days on",
        where="[training] split",
        remedy='Load more history, shorten the horizon, set every = "1w", or use split = "random".',
    )


def random_split(
    customer_ids: pl.Series, shares: tuple[float, float, float] = (0.75, 0.15, 0.10), seed: int = 7
) -> Split:
    """Split rows at random by customer, so that nobody is on two sides: train, validation, test by `shares`.

    Half of the validation customers calibrate and the other half select: a model chosen on the rows that shaped its
    probabilities would flatter itself. The order of the rows does not matter. Raises NotEnoughData below 4 customers.
    """
    if customer_ids.n_unique() < 4:
        what = f"{customer_ids.n_unique()} customers cannot be split into four parts"
        raise NotEnoughData(what, where="[training] split", remedy="Load more customers.")
    train, calibrate, select, test = _shared(customer_ids, (shares[0], shares[1] / 2, shares[1] / 2, shares[2]), seed)
    ids = customer_ids.to_numpy()
    parts = ", ".join(
        f"{len(np.unique(ids[part])):,} {name}"
        for name, part in (("train", train), ("calibrate", calibrate), ("select", select), ("test", test))
    )
    return Split(train, calibrate, select, test, "random", f"At random by customer: {parts}.")


def _cut(days: Sequence[date], policy: SnapshotPolicy, *, parts: int) -> list[list[date]] | None:
    """Return the dates of each part, oldest part first, or None when they do not suffice. Cut from the newest back."""
    size = max(1, round(_LATER_SHARE * len(days)))
    left, later = list(days), list[list[date]]()
    for _ in range(parts - 1):
        if not left:
            return None
        part = left[-size:]
        later.append(part)
        opens = datetime.combine(part[0], time())
        left = [day for day in left[:-size] if policy.label_window(day)[1] <= opens]
    return [left, *later[::-1]] if left else None


def _among(column: NDArray[np.generic], days: Sequence[date]) -> NDArray[np.bool_]:
    return np.isin(column, np.array(days, dtype="datetime64[D]").astype(column.dtype))


def _shared(customer_ids: pl.Series, weights: Sequence[float], seed: int) -> list[NDArray[np.bool_]]:
    """Return rows of random groups of customers, in proportion to `weights`, each group with one customer at least.

    Customers are numbered by name before the draw, so that the order of the rows plays no part.
    """
    unique, rows = np.unique(customer_ids.to_numpy(), return_inverse=True)
    place = np.argsort(np.random.default_rng(seed).permutation(len(unique)))
    ends = np.rint(np.cumsum(weights) / np.sum(weights) * len(unique)).astype(int)
    count = len(weights)
    for group in range(count):  # every group gets a customer, at the cost of the first ones
        ends[group] = min(
            max(ends[group], group + 1, ends[group - 1] + 1 if group else 1), len(unique) - (count - 1 - group)
        )
    starts = np.concatenate([[0], ends[:-1]])
    return [((place >= start) & (place < end))[rows] for start, end in zip(starts, ends, strict=True)]


def _span(days: Sequence[date]) -> str:
    return "none" if not days else f"{days[0]}" if len(days) == 1 else f"{days[0]} to {days[-1]}"


def _told(names: Sequence[str], parts: Sequence[Sequence[date]], days: Sequence[date]) -> str:
    listed = ", ".join(f"{name} {_span(part)}" for name, part in zip(names, parts, strict=True))
    purged = len(days) - sum(len(part) for part in parts)
    return f"Forward in time: {listed}; {purged} dates between them left out so that no label window overlaps."
