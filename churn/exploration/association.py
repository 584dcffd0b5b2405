"""How columns go together: rank and straight-line correlation of numbers, Cramer's V of texts, correlation ratio of both."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from churn.documents.exploration import AssociatedColumn, Association, ColumnPair, Measure
from churn.exploration.encoding import MISSING, Encoded, Floats
from churn.exploration.table import ExplorationTable

MOST_COLUMNS: Final = 16  # more cannot be read
_ALIKE: Final = 0.97  # of two columns that say the same one is enough


class _Tie(NamedTuple):
    """How two columns go together; `pearson` for two numbers."""

    measure: Measure
    value: float | None
    pearson: float | None = None


def associations(table: ExplorationTable, counts: Mapping[str, NDArray[np.int64]]) -> Association:
    """Return the columns that go with churn most, and how any two of them go together; from a sample of rows.

    `counts` are those of `Table.counts` by column.
    """
    chosen = _chosen(table, counts)
    pairs = []
    for i, column in enumerate(chosen):
        for other in chosen[:i]:
            tie = _together(column, other, table.sample)
            pairs.append(
                ColumnPair(one=column.name, other=other.name, measure=tie.measure, value=tie.value, pearson=tie.pearson)
            )
    columns = tuple(
        AssociatedColumn(name=column.name, churn_v=cramers_v(counts[column.name].sum(axis=0).astype(float)))
        for column in chosen
    )
    return Association(columns=columns, pairs=tuple(pairs), sample_rows=int(table.sample.size))


def _chosen(table: ExplorationTable, counts: Mapping[str, NDArray[np.int64]]) -> list[Encoded]:
    def strength(column: Encoded) -> float:
        cells = counts[column.name].sum(axis=0).astype(float)
        return cramers_v(cells) if cells.sum() else float(len(np.unique(column.codes[table.sample])) > 1)

    ordered = sorted(table.columns, key=lambda column: (-strength(column), column.name))
    kept: list[Encoded] = []
    for column in ordered:
        if len(kept) == MOST_COLUMNS or strength(column) == 0:
            break
        ties = (_together(column, other, table.sample) for other in kept)
        if all(abs(tie.value or 0.0) < _ALIKE for tie in ties):
            kept.append(column)
    return kept


def _together(column: Encoded, other: Encoded, sample: NDArray[np.int64]) -> _Tie:
    from scipy.stats import rankdata

    if column.kind == "text" and other.kind == "text":
        cells = np.bincount(
            column.codes[sample].astype(np.int64) * other.size + other.codes[sample],
            minlength=column.size * other.size,
        )
        return _Tie("cramers_v", cramers_v(cells.reshape(column.size, other.size).astype(float)))
    if column.kind == "text" or other.kind == "text":
        text, number = (column, other) if column.kind == "text" else (other, column)
        return _Tie("correlation_ratio", correlation_ratio(text.codes[sample], number.codes[sample]))
    both = (column.codes[sample] != MISSING) & (other.codes[sample] != MISSING)
    ranks = _correlation(rankdata(column.codes[sample][both]), rankdata(other.codes[sample][both]))
    return _Tie("spearman", ranks, _correlation(column.values[both], other.values[both]))


def cramers_v(cells: Floats) -> float:
    """Return the association of two categories from their table of counts, 0..1, corrected for bias (Bergsma 2013)."""
    cells = cells[cells.sum(axis=1) > 0][:, cells.sum(axis=0) > 0]
    n = cells.sum()
    rows, columns = cells.shape
    if n < 2 or min(rows, columns) < 2:
        return 0.0
    expected = np.outer(cells.sum(axis=1), cells.sum(axis=0)) / n
    squared = float(((cells - expected) ** 2 / expected).sum() / n)
    corrected = max(0.0, squared - (rows - 1) * (columns - 1) / (n - 1))
    ways = min(rows - (rows - 1) ** 2 / (n - 1), columns - (columns - 1) ** 2 / (n - 1)) - 1
    return min(1.0, math.sqrt(corrected / ways)) if ways > 0 else 0.0


def correlation_ratio(groups: NDArray[np.uint8], values: NDArray[np.uint8]) -> float:
    """Return how much of the ranks of `values` (n,) their groups (n,) tell, 0..1 (eta, of ranks); 0 codes are missing."""
    from scipy.stats import rankdata

    known = (groups != MISSING) & (values != MISSING)
    if np.count_nonzero(known) < 2:
        return 0.0
    ranks, group = rankdata(values[known]), groups[known]
    total = float(((ranks - ranks.mean()) ** 2).sum())
    size = np.bincount(group)
    means = np.bincount(group, weights=ranks) / np.maximum(size, 1)
    return math.sqrt(float((size * (means - ranks.mean()) ** 2).sum()) / total) if total else 0.0


def _correlation(values: Floats, other: Floats) -> float | None:
    if values.size < 3:
        return None
    a, b = values - values.mean(dtype=np.float64), other - other.mean(dtype=np.float64)
    spread = math.sqrt(float((a * a).sum()) * float((b * b).sum()))
    return float((a * b).sum()) / spread if spread > 0 else None
