"""The rows that exploration works on: every column in codes, ordered so that each count is one pass over bytes."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from churn.documents.exploration import ColumnProfile, DividedBy
from churn.exploration.encoding import Encoded, encode, numbers
from churn.exploration.profile import profile_column
from churn.snapshots.observations import Observations, with_words
from churn.snapshots.policy import SnapshotPolicy
from churn.warehouse import FeatureDoc

if TYPE_CHECKING:
    import polars as pl

_SAMPLE: Final = 20_000
_TEST_SHARE: Final = 1 / 3
_LEAST_DATES: Final = 3  # fewer cannot be divided into earlier and later ones; then customers are divided


@dataclass(frozen=True)
class Parts:
    """How labelled rows are divided: what was searched, and what tested it. `by` is `date` or `customer`."""

    by: DividedBy
    search_dates: tuple[date, ...]
    test_dates: tuple[date, ...]
    overlap: float  # label windows that cover the same day: rows are worth so many times less


@dataclass
class ExplorationTable:
    """Columns and outcomes in one order of rows.

    `bounds[k]` to `bounds[k + 1]` are the rows of part k: searched and stayed, searched and left, tested and stayed,
    tested and left, else labelled and stayed, else labelled and left, not labelled. `current` are the places of the rows
    of the newest date, `fee` their monthly fees; `involuntary` (rows,) marks losses to a failed payment.
    `sample` are places evenly spread over all parts, for what needs no more.
    """

    observations: Observations
    parts: Parts
    place: NDArray[np.int64]
    bounds: NDArray[np.int64]
    current: NDArray[np.int64]
    fee: NDArray[np.float64]
    involuntary: NDArray[np.bool_]
    sample: NDArray[np.int64]
    columns: list[Encoded] = field(default_factory=list)
    profiles: list[ColumnProfile] = field(default_factory=list)

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return self.observations.rows

    @property
    def labelled(self) -> int:
        """How many rows have an outcome that counts; they come first."""
        return int(self.bounds[6])

    def counts(self, column: Encoded) -> NDArray[np.int64]:
        """Return rows by part and code, shape (3, codes, 2): searched, tested, the other labelled ones; stayed, left."""
        parts = [
            np.bincount(column.codes[self.bounds[k] : self.bounds[k + 1]], minlength=column.size) for k in range(6)
        ]
        return np.stack([np.stack(parts[k : k + 2], axis=1) for k in (0, 2, 4)]).astype(np.int64)

    def churned_sample(self) -> NDArray[np.int8]:
        """Return what became of the rows of the sample: 1, 0, or -1 where it is not known or does not count."""
        outcome = np.array([0, 1, 0, 1, 0, 1, -1], dtype=np.int8)
        part: NDArray[np.int8] = outcome[np.searchsorted(self.bounds[1:7], self.sample, side="right")]
        return part


def arrange(observations: Observations, policy: SnapshotPolicy) -> ExplorationTable:
    """Divide the rows and put them in order; columns come later, by `add_columns`."""
    is_used = (observations.churned >= 0) & ~observations.is_treated
    parts, part_of = _divided(observations, policy, is_used)
    key = np.full(observations.rows, 6, dtype=np.int8)
    key[is_used] = 2 * part_of[is_used] + observations.churned[is_used]
    order = np.argsort(key, kind="stable")
    place = np.empty(observations.rows, dtype=np.int64)
    place[order] = np.arange(observations.rows)
    is_current = observations.date_index == len(observations.dates) - 1
    return ExplorationTable(
        observations,
        parts,
        place,
        np.searchsorted(key[order], np.arange(8)).astype(np.int64),
        place[is_current],
        observations.fee[is_current],
        observations.is_involuntary[order],
        np.arange(0, observations.rows, max(1, observations.rows // _SAMPLE)),
    )


def add_columns(table: ExplorationTable, groups: Iterable[tuple[tuple[FeatureDoc, ...], pl.DataFrame]]) -> None:
    """Encode and profile every column of `groups` (see snapshots.observations), two at a time."""
    is_current = table.observations.date_index == len(table.observations.dates) - 1
    in_sample = np.full(table.rows, -1, dtype=np.int32)
    in_sample[table.sample] = np.arange(table.sample.size)
    with ThreadPoolExecutor(max_workers=2) as pool:
        waiting = []
        for docs, frame in groups:
            row = frame["row"].to_numpy()
            rows = _Rows(table.place[row], is_current[row], in_sample[table.place[row]], table.rows, table.sample.size)
            waiting += [pool.submit(_column, with_words(doc), frame[doc.name], rows) for doc in docs]
            for earlier in waiting[: -2 * len(docs)]:
                earlier.result()  # so that the frames of earlier groups need not be kept
        for encoded in waiting:
            column, profile = encoded.result()
            table.columns.append(column)
            table.profiles.append(profile)


@dataclass(frozen=True)
class _Rows:
    """Where the rows of one frame go: their places, whether they are of the newest date, and which of the sample."""

    place: NDArray[np.int64]
    is_current: NDArray[np.bool_]
    sampled: NDArray[np.int32]
    rows: int
    samples: int


def _column(doc: FeatureDoc, values: pl.Series, rows: _Rows) -> tuple[Encoded, ColumnProfile]:
    column = encode(doc, values, rows.place, rows.rows)
    if column.kind != "text":
        chosen = rows.sampled >= 0
        sample = np.full(rows.samples, np.nan, dtype=np.float32)
        sample[rows.sampled[chosen]] = numbers(values.filter(chosen))
        column = replace(column, values=sample)
    return column, profile_column(column, values.filter(rows.is_current), str(values.dtype))


def _divided(
    observations: Observations, policy: SnapshotPolicy, is_used: NDArray[np.bool_]
) -> tuple[Parts, NDArray[np.int8]]:
    """Return what is searched (0) and tested (1); 2 where a label window reaches from the one into the other."""
    used = [observations.dates[i] for i in np.unique(observations.date_index[is_used])]
    span = policy.window_days
    spacing = (used[-1] - used[0]).days / (len(used) - 1) if len(used) > 1 else span
    overlap = max(1.0, span / max(spacing, 1.0)) if used else 1.0
    tested = used[-max(1, round(_TEST_SHARE * len(used))) :]
    before = [day for day in used if policy.label_window(day)[1].date() <= tested[0] + timedelta(days=policy.lead_days)]
    if len(used) < _LEAST_DATES or not before:
        return Parts("customer", tuple(used), tuple(used), overlap), observations.half
    part_of_date = np.full(len(observations.dates), 2, dtype=np.int8)
    for i, day in enumerate(observations.dates):
        part_of_date[i] = 0 if day in before else 1 if day in tested else 2
    return Parts("date", tuple(before), tuple(tested), overlap), part_of_date[observations.date_index]
