"""Finds where a feature best separates those who leave from those who stay, in round numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from churn.exploration.conditions import Condition, is_duration
from churn.exploration.encoding import Encoded, Floats

LEAST_SHARE: Final = 0.003  # of customers: smaller groups are anecdotes
MOST_SHARE: Final = 0.6  # larger groups are no group;
MOST_OF_A_RANGE: Final = 1 / 3  # where a number is cut, it can be cut further up
LEAST_LIFT: Final = 1.3  # churn over that of the rest
LEAST_CHURNERS: Final = 15  # among the rows searched
AS_GOOD: Final = 0.85  # of the best chi-square: such cuts divide as well for any practical purpose,
AS_SHARP: Final = 0.8  # if their lift is that of the best, or nearly
_INTERVAL_GAIN: Final = 1.25  # an interval needs one number more, and must be this much better
_FALLS_TO: Final = 0.75  # of its churn, what lies on either side of an interval
_WEEK: Final = 7
_LEVELS_EACH: Final = 2


@dataclass(frozen=True)
class Cut:
    """A condition with what it does among the rows searched: chi-square of 1 degree, lift, share of rows."""

    condition: Condition
    chi_square: float
    lift: float
    share: float


def best_cuts(column: Encoded, counts: NDArray[np.int64]) -> list[Cut]:
    """Return the conditions on `column` that divide best, none where none does.

    `counts` (codes, 2): rows by code, stayed and left. Of conditions that divide nearly as well (`AS_GOOD`, `AS_SHARP`)
    whole weeks are taken for days, the roundest number for measures, else the one that covers most customers. Conditions
    always name the side that leaves more.
    """
    table = counts.astype(np.float64)
    if table.sum() == 0 or table[:, 1].sum() < LEAST_CHURNERS:
        return []
    if column.kind == "text":
        levels = np.arange(1, len(column.levels) + 1)
        judged = _Judged.of(table, levels, levels, MOST_SHARE)
        return [judged.cut(column, i) for i in judged.best(_LEVELS_EACH)]
    top = column.size - 1
    if column.kind == "flag":
        judged = _Judged.of(table, np.array([1, 2]), np.array([1, 2]), MOST_SHARE)
        return [judged.cut(column, i) for i in judged.best(1)]
    inner = np.arange(2, top)
    above = _Judged.of(table, np.arange(2, top + 1), np.full(top - 1, top))
    below = _Judged.of(table, np.ones(top - 1, dtype=np.int64), np.arange(1, top))
    one_sided_cuts = [judged.cut(column, _chosen(column, judged)) for judged in (above, below) if judged.best(1)]
    one_sided = max(one_sided_cuts, key=lambda cut: cut.chi_square, default=None)
    first, last = (grid[np.triu_indices(inner.size)] for grid in np.meshgrid(inner, inner, indexing="ij"))
    judged = _Judged.of(table, first, last)
    for place in judged.best(1):
        between = judged.cut(column, place)
        is_better = one_sided is None or between.chi_square > _INTERVAL_GAIN * one_sided.chi_square
        if is_better and _stands_out(between.condition, table):
            return [between]
    return [one_sided] if one_sided else []


def chi_square(hits: Floats, rows: Floats, all_hits: float, all_rows: float) -> Floats:
    """Return Pearson's chi-square (1 degree) of groups with `hits` of `rows` against everyone else; arrays of one shape."""
    rest = all_rows - rows
    rate = all_hits / all_rows
    with np.errstate(divide="ignore", invalid="ignore"):
        gap = hits / rows - (all_hits - hits) / rest
        squared = gap**2 * rows * rest / all_rows / (rate * (1 - rate))
    return np.asarray(np.nan_to_num(squared, nan=0.0, posinf=0.0))


@dataclass(frozen=True)
class _Judged:
    """Runs of codes from `first` to `last`, and what each does; arrays of one shape. `counts` says which may be used."""

    first: NDArray[np.int64]
    last: NDArray[np.int64]
    chi_square: Floats
    lift: Floats
    share: Floats
    counts: NDArray[np.bool_]

    @classmethod
    def of(
        cls, table: Floats, first: NDArray[np.int64], last: NDArray[np.int64], most: float = MOST_OF_A_RANGE
    ) -> _Judged:
        """Judge the runs by `table` (codes, 2); none may cover more than the share `most`."""
        upto = np.vstack([np.zeros((1, 2)), np.cumsum(table, axis=0)])
        inside = upto[last + 1] - upto[first]
        rows, hits = inside.sum(axis=1), inside[:, 1]
        all_rows, all_hits = float(table.sum()), float(table[:, 1].sum())
        with np.errstate(divide="ignore", invalid="ignore"):
            lift = (hits / rows) / ((all_hits - hits) / (all_rows - rows))
        lift = np.nan_to_num(lift, nan=0.0, posinf=1e3)
        share = rows / all_rows
        counts = (share >= LEAST_SHARE) & (share <= most) & (lift >= LEAST_LIFT) & (hits >= LEAST_CHURNERS)
        return cls(first, last, chi_square(hits, rows, all_hits, all_rows), lift, share, counts)

    def best(self, most: int) -> list[int]:
        """Return the places of the `most` strongest runs that may be used."""
        usable = np.flatnonzero(self.counts)
        return [int(i) for i in usable[np.argsort(-self.chi_square[usable], kind="stable")][:most]]

    def cut(self, column: Encoded, place: int) -> Cut:
        """Return the run at `place` as a condition on `column`."""
        condition = Condition(column, int(self.first[place]), int(self.last[place]))
        return Cut(condition, float(self.chi_square[place]), float(self.lift[place]), float(self.share[place]))


def _chosen(column: Encoded, judged: _Judged) -> int:
    """Return the place of the run to show among those as good as the best."""
    best = judged.best(1)[0]
    equal = np.flatnonzero(
        judged.counts
        & (judged.chi_square >= AS_GOOD * judged.chi_square[best])
        & (judged.lift >= AS_SHARP * judged.lift[best])
    )
    bounds = {int(i): _bound(judged.cut(column, int(i)).condition) for i in equal}
    if column.is_integer and not is_duration(column):
        return int(max(equal, key=lambda i: judged.share[i]))
    weeks = [i for i, bound in bounds.items() if bound % _WEEK == 0]
    if column.is_integer and weeks:
        return max(weeks, key=lambda i: float(judged.chi_square[i]))
    return min(bounds, key=lambda i: (_digits(bounds[i]), -float(judged.chi_square[i])))


def _stands_out(condition: Condition, table: Floats) -> bool:
    """Say whether churn falls again on both sides of an interval, so that it is no piece of something larger."""
    inside = table[condition.first : condition.last + 1].sum(axis=0)
    for side in (table[1 : condition.first].sum(axis=0), table[condition.last + 1 :].sum(axis=0)):
        if side.sum() and side[1] / side.sum() > _FALLS_TO * inside[1] / inside.sum():
            return False
    return True


def _bound(condition: Condition) -> float:
    return next(v for v in (condition.low, condition.high) if v is not None)


def _digits(value: float) -> int:
    """Return how many digits it takes to say a number: 1 for 4, 20 and 0.5, 2 for 38 and 1.2."""
    return len(f"{abs(value):.6g}".replace(".", "").strip("0")) or 1
