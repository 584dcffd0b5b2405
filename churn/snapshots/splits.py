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

    Every label window of a part closes before the next part's first date; dates in between are left out (purged).
    With too few dates for four parts, the one validation part is shared by customer: half calibrate, half select; that
    needs `customer_ids`. Raises NotEnoughData when not even train, validation and test can be kept apart.
    """
    days = sorted(dates.unique().to_list())
    four = _cut(days, policy, parts=4)
    column = dates.to_numpy()
    if four is not None:
        train, calibrate, select, test = (_among(column, part) for part in four)
        return Split(
            train, calibrate, select, test, "temporal", _told(("train", "calibrate", "select", "test"), four, days)
        )
    three = _cut(days, policy, parts=3)
    if three is None or customer_ids is None:
        raise NotEnoughData(
            f"{len(days)} snapshot dates ({_span(days)}) cannot be split forward in time: train, validation and test "
            f"must each begin after the label windows before them have closed, {policy.lead_days + policy.window_days} "
            "days on",
            where="[training] split",
            remedy='Load more history, shorten the horizon, set every = "1w", or use split = "random".',
        )
    train, validation, test = (_among(column, part) for part in three)
    first_half = _halves(customer_ids, seed)
    told = _told(("train", "validation", "test"), three, days)
    return Split(
        train,
        validation & first_half,
        validation & ~first_half,
        test,
        "temporal",
        f"{told} Half of the validation customers calibrate, the other half select.",
    )


def random_split(
    customer_ids: pl.Series, shares: tuple[float, float, float] = (0.75, 0.15, 0.10), seed: int = 7
) -> Split:
    """Split rows at random by customer, so that nobody is on two sides: train, validation, test by `shares`.

    Half of the validation customers calibrate and the other half select: a model chosen on the rows that shaped its
    probabilities would flatter itself. The order of the rows does not matter. Raises NotEnoughData below 4 customers.
    """
    unique, rows = _customers(customer_ids)
    if len(unique) < 4:
        raise NotEnoughData(
            f"{len(unique)} customers cannot be split into four parts", where="[training] split", remedy="Load more."
        )
    place = _places(len(unique), seed)
    total = sum(shares)
    train_end = min(max(1, round(len(unique) * shares[0] / total)), len(unique) - 3)
    test_count = min(max(1, round(len(unique) * shares[2] / total)), len(unique) - train_end - 2)
    calibrate_end = train_end + (len(unique) - train_end - test_count + 1) // 2
    select_end = len(unique) - test_count
    bounds = [(0, train_end), (train_end, calibrate_end), (calibrate_end, select_end), (select_end, len(unique))]
    train, calibrate, select, test = (((place >= low) & (place < high))[rows] for low, high in bounds)
    counts = [high - low for low, high in bounds]
    return Split(
        train,
        calibrate,
        select,
        test,
        "random",
        f"At random by customer: {counts[0]:,} train, {counts[1]:,} calibrate, {counts[2]:,} select, {counts[3]:,} test.",
    )


def _cut(days: Sequence[date], policy: SnapshotPolicy, *, parts: int) -> list[list[date]] | None:
    """Return the dates of each part, oldest part first, or None when they do not suffice. Cut from the newest back."""
    size = max(1, round(_LATER_SHARE * len(days)))
    left, found = list(days), list[list[date]]()
    for _ in range(parts - 1):
        if not left:
            return None
        part = left[-size:]
        found.append(part)
        opens = datetime.combine(part[0], time())
        left = [day for day in left[:-size] if policy.label_window(day)[1] <= opens]
    return [left, *found[::-1]] if left else None


def _among(column: NDArray[np.generic], days: Sequence[date]) -> NDArray[np.bool_]:
    return np.isin(column, np.array(days, dtype="datetime64[D]").astype(column.dtype))


def _customers(customer_ids: pl.Series) -> tuple[NDArray[np.generic], NDArray[np.intp]]:
    unique, rows = np.unique(customer_ids.to_numpy(), return_inverse=True)
    return unique, rows


def _places(count: int, seed: int) -> NDArray[np.intp]:
    """Return each customer's place in a random order; customers are numbered by name, so row order plays no part."""
    return np.argsort(np.random.default_rng(seed).permutation(count))


def _halves(customer_ids: pl.Series, seed: int) -> NDArray[np.bool_]:
    unique, rows = _customers(customer_ids)
    return (_places(len(unique), seed) < (len(unique) + 1) // 2)[rows]


def _span(days: Sequence[date]) -> str:
    return "none" if not days else f"{days[0]}" if len(days) == 1 else f"{days[0]} to {days[-1]}"


def _told(names: Sequence[str], parts: Sequence[Sequence[date]], days: Sequence[date]) -> str:
    listed = ", ".join(f"{name} {_span(part)}" for name, part in zip(names, parts, strict=True))
    purged = len(days) - sum(len(part) for part in parts)
    return f"Forward in time: {listed}; {purged} dates between them left out so that no label window overlaps."
