"""Turns any column into small codes, one byte a row, on which every count of the exploration is made."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Final, Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from churn.warehouse import FeatureDoc

Floats = NDArray[np.float64]
Codes = NDArray[np.uint8]
Kind = Literal["number", "flag", "text"]

MISSING: Final = 0
MOST_LEVELS: Final = 40  # the rest of a text's values is "other"
_MOST_EDGES: Final = 72
_SAMPLE: Final = 50_000  # rows that suffice to place the edges
_DAYS: Final = (7, 14, 21, 28, 30, 42, 60, 90, 120, 180, 270, 365, 540, 730, 1095)


@dataclass(frozen=True)
class Encoded:
    """A column in codes: 0 where missing.

    Numbers: code 1 lies below `edges[0]`, code i + 1 from `edges[i - 1]` (included) to `edges[i]`. Flags are numbers
    with the edge 1. Texts: code i is `levels[i - 1]`, the next one all others. `values` are the numbers themselves of a
    sample of rows, NaN where missing; empty for texts.
    """

    doc: FeatureDoc
    kind: Kind
    codes: Codes
    is_integer: bool = True
    edges: tuple[float, ...] = ()
    levels: tuple[str, ...] = ()
    values: NDArray[np.float32] = field(default_factory=lambda: np.empty(0, dtype=np.float32))

    @property
    def name(self) -> str:
        """The feature's name."""
        return self.doc.name

    @property
    def size(self) -> int:
        """How many codes there can be."""
        return (len(self.levels) + 2) if self.kind == "text" else (len(self.edges) + 2)


def encode(doc: FeatureDoc, column: pl.Series, row: NDArray[np.int64], rows: int) -> Encoded:
    """Return `column`, whose values belong to the places `row` among `rows`; absent places are missing."""
    codes = np.zeros(rows, dtype=np.uint8)
    if column.dtype == pl.String:
        levels = _levels(column)
        placed = column.replace_strict(
            list(levels), list(range(1, len(levels) + 1)), default=len(levels) + 1, return_dtype=pl.UInt8
        )
        codes[row] = placed.set(column.is_null(), MISSING).to_numpy()
        return Encoded(doc, "text", codes, levels=levels)
    values = numbers(column)
    sample = _sampled(values, row, rows)
    is_integer = column.dtype.is_integer() or column.dtype == pl.Boolean or bool(np.all(sample == np.round(sample)))
    is_flag = column.dtype == pl.Boolean or (is_integer and sample.size > 0 and set(np.unique(sample[:2000])) <= {0, 1})
    if is_flag and sample.size and sample.min() >= 0 and sample.max() <= 1:
        edges = np.array([1.0])
    else:
        is_flag, edges = False, _edges(sample, is_integer=is_integer, is_days="days" in doc.name)
    codes[row] = _placed(edges, values)
    return Encoded(doc, "flag" if is_flag else "number", codes, is_integer, tuple(edges.tolist()))


def _sampled(values: Floats, row: NDArray[np.int64], rows: int) -> Floats:
    """Return known values, evenly spread over the places of the table: in whatever order they come, the same ones."""
    placed = np.full(rows, np.nan)
    placed[row] = values
    sample = placed[:: max(1, rows // _SAMPLE)]
    known: Floats = sample[np.isfinite(sample)]
    return known


def _placed(edges: Floats, values: Floats) -> Codes:
    """Return 1 + how many of `edges` are at or below each value, 0 where it is missing."""
    is_known = np.isfinite(values)
    if edges.size > 1 and edges[-1] - edges[0] == edges.size - 1 and np.all(np.diff(edges) == 1):
        steps = np.clip(np.floor(values - (edges[0] - 2.0)), 1, edges.size + 1)  # far faster than to search
        return np.where(is_known, steps, MISSING).astype(np.uint8)
    codes = (np.searchsorted(edges, values, side="right") + 1).astype(np.uint8)
    codes[~is_known] = MISSING
    return codes


def numbers(column: pl.Series) -> Floats:
    """Return a column of numbers or truth values as floats (n,), NaN where missing."""
    if column.dtype == pl.Boolean:
        column = column.cast(pl.UInt8)
    values: Floats = column.cast(pl.Float64).fill_null(float("nan")).to_numpy()
    return values


def _levels(column: pl.Series) -> tuple[str, ...]:
    counts = column.drop_nulls().value_counts(sort=True, name="rows")
    first = column.name
    ordered = counts.sort(["rows", first], descending=[True, False]).head(MOST_LEVELS)
    return tuple(str(value) for value in ordered[first].to_list())


def _edges(sample: Floats, *, is_integer: bool, is_days: bool) -> Floats:
    """Return where conditions may cut: every whole number of a short range, else rounded quantiles."""
    if sample.size == 0:
        return np.array([1.0])
    low, high = float(np.quantile(sample, 0.002)), float(np.quantile(sample, 0.998))
    if is_integer and high - low <= _MOST_EDGES:
        edges = np.arange(math.floor(low) + 1, math.ceil(high) + 1, dtype=np.float64)
    else:
        spots = np.quantile(sample, np.linspace(0.005, 0.995, _MOST_EDGES - len(_DAYS)))
        edges = np.unique([_rounded(v, (high - low) / 200, is_integer=is_integer) for v in spots])
        if is_days:
            edges = np.union1d(edges, [d for d in _DAYS if low < d < high])
    edges = edges[(edges > sample.min()) & (edges <= sample.max())]
    return edges if edges.size else np.array([float(sample.max())])


def _rounded(value: float, step: float, *, is_integer: bool) -> float:
    """Round to a step of 1, 2 or 5 times a power of ten, no coarser than `step`."""
    if not math.isfinite(step) or step <= 0:
        return value
    power = 10.0 ** math.floor(math.log10(step))
    chosen = max(power * max(m for m in (1, 2, 5) if m * power <= step * 1.0000001), 1.0 if is_integer else 0.0)
    digits = max(0, 2 - math.floor(math.log10(chosen)))
    return round(round(value / chosen) * chosen, digits)
