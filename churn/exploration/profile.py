"""What one column holds: how full it is, its spread, its commonest values, and churn along it with intervals."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from churn.decisions.experiment import wilson_interval
from churn.documents.exploration import BoxPlot, ChurnBin, ColumnProfile, CommonValue, Histogram
from churn.exploration.conditions import Condition
from churn.exploration.encoding import MISSING, Encoded, numbers

QUANTILES: Final = (0.0, 0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 1.0)
_BARS: Final = 24
_BINS: Final = 8
_TOP: Final = 8
_Z: Final = 1.959963984540054


def profile_column(column: Encoded, values: pl.Series, type_name: str) -> ColumnProfile:
    """Return what `values`, those of the newest date, hold; churn along them comes later, by `churn_by_bin`."""
    plain = ColumnProfile(
        name=column.name,
        group=column.doc.group,
        description=column.doc.description,
        kind=column.kind,
        type=type_name,
        rows=values.len(),
        missing=values.null_count(),
        distinct=values.drop_nulls().n_unique(),
    )
    if column.kind != "number":
        return plain.model_copy(update={"top": _top(values)})
    known = np.sort(numbers(values))
    known = known[np.isfinite(known)]
    if known.size == 0:
        return plain
    quantiles = dict(zip(QUANTILES, np.quantile(known, QUANTILES).tolist(), strict=True))
    box, outliers = _box(known, quantiles)
    return ColumnProfile(
        name=plain.name,
        group=plain.group,
        description=plain.description,
        kind=plain.kind,
        type=plain.type,
        rows=plain.rows,
        missing=plain.missing,
        distinct=plain.distinct,
        mean=float(known.mean()),
        deviation=float(known.std()),
        zeros=int(np.count_nonzero(known == 0)),
        quantiles={f"{share:g}": value for share, value in quantiles.items()},
        box=box,
        outliers=outliers,
        histogram=_histogram(known, quantiles, is_integer=column.is_integer),
        top=_top(values) if column.is_integer and plain.distinct <= _BARS else (),
    )


def _box(known: NDArray[np.float64], quantiles: Mapping[float, float]) -> tuple[BoxPlot, int]:
    """Return Tukey's box, and how many values lie outside its whiskers."""
    first, third = quantiles[0.25], quantiles[0.75]
    reach = 1.5 * (third - first)
    left, right = np.searchsorted(known, first - reach, "left"), np.searchsorted(known, third + reach, "right")
    box = BoxPlot(low=float(known[left]), first=first, median=quantiles[0.5], third=third, high=float(known[right - 1]))
    return box, int(known.size - (right - left))


def _histogram(known: NDArray[np.float64], quantiles: Mapping[float, float], *, is_integer: bool) -> Histogram:
    low, high = quantiles[0.01], quantiles[0.99]
    if high <= low:
        low, high = quantiles[0.0], quantiles[1.0]
    if high <= low:
        return Histogram(edges=(low, low + 1.0), counts=(int(known.size),), below=0, above=0)
    if is_integer:
        width = max(1, int(np.ceil((high - low + 1) / _BARS)))
        edges = low + width * np.arange(int(np.ceil((high - low + 1) / width)) + 1, dtype=np.float64)
    else:
        edges = np.linspace(low, high, _BARS + 1)
    spots = np.searchsorted(known, edges, "left")
    if not is_integer:
        spots[-1] = np.searchsorted(known, edges[-1], "right")
    return Histogram(
        edges=tuple(edges.tolist()),
        counts=tuple(np.diff(spots).tolist()),
        below=int(spots[0]),
        above=int(known.size - spots[-1]),
    )


def _top(values: pl.Series) -> tuple[CommonValue, ...]:
    if values.len() == 0:
        return ()
    counts = values.drop_nulls().value_counts(sort=True, name="rows").head(200)
    ordered = counts.sort(["rows", values.name], descending=[True, False]).head(_TOP)
    return tuple(
        CommonValue(value=_plain(value), rows=rows, share=rows / values.len()) for value, rows in ordered.iter_rows()
    )


def _plain(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) else str(value)


def churn_by_bin(column: Encoded, counts: NDArray[np.int64], overlap: float = 1.0) -> tuple[ChurnBin, ...]:
    """Return churn along the column: bins of about the same size, or the commonest values, with Wilson intervals.

    `counts` (codes, 2): rows by code, stayed and left. `overlap` says how often label windows cover the same day; a row
    counts for one over it.
    """
    bins = []
    for first, last in _bins(column, counts.sum(axis=1)):
        stayed, left = counts[first : last + 1].sum(axis=0).tolist()
        rows = stayed + left
        low, high = wilson_interval(np.array([left / rows]), np.array([rows / overlap]), _Z)
        bins.append(
            ChurnBin(
                label=_label(column, first, last),
                rows=rows,
                churned=left,
                churn_rate=left / rows,
                low=float(low[0]),
                high=float(high[0]),
            )
        )
    return tuple(bins)


def _bins(column: Encoded, rows: NDArray[np.int64]) -> list[tuple[int, int]]:
    total = int(rows.sum())
    missing = [(MISSING, MISSING)] if rows[MISSING] else []
    if column.kind == "text":
        common = sorted((i for i in range(1, rows.size) if rows[i]), key=lambda i: (-rows[i], i))[:_BINS]
        return [(i, i) for i in common] + missing
    first, held = 1, 0
    size = max(1, (total - int(rows[MISSING])) / _BINS)
    bins: list[tuple[int, int]] = []
    for code in range(1, rows.size):
        held += int(rows[code])
        if held >= size or (code == rows.size - 1 and held):
            bins.append((first, code))
            first, held = code + 1, 0
    if bins:
        bins[-1] = (bins[-1][0], rows.size - 1)  # whoever lies above the last filled code
    return bins + missing


def _label(column: Encoded, first: int, last: int) -> str:
    if first == MISSING:
        return "missing"
    if column.kind == "text":
        return column.levels[first - 1] if first <= len(column.levels) else "all others"
    if column.kind == "flag":
        return "yes" if first == 2 else "no"
    span = Condition(column, first, last)
    return _range_label(column, span.low, span.high)


def _range_label(column: Encoded, low: float | None, high: float | None) -> str:
    top = None if high is None else high - 1 if column.is_integer else high
    if low is not None:
        return (
            f"{_written(low)} or more"
            if top is None
            else _written(low)
            if low == top
            else f"{_written(low)} to {_written(top)}"
        )
    if top is None:
        return "any"
    if not column.is_integer:
        return f"below {_written(top)}"
    known = column.values[np.isfinite(column.values)]
    return _written(top) if known.size > 0 and known.min() >= top else f"{_written(top)} or less"


def _written(value: float) -> str:
    return f"{value:,.0f}" if value == round(value) else f"{value:,.3g}"
