"""What a model's training rows looked like, kept with the model: bins and counts per feature, so that drift needs no rows."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Final, Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from churn.decisions.drift import Counts, common_levels, count_levels, count_numbers, psi, quantile_edges
from churn.documents.document import Document
from churn.documents.monitoring import ChurnRate
from churn.errors import ContractBroken

FILE: Final = "reference.json"


class FeatureReference(Document):
    """One feature among the training rows: its bins, how many rows fell into each, and how many of the test rows.

    `edges` of a number, `levels` of a category. `tolerated` is the PSI from training to test rows: drift that the
    model's test, which is later, already went through.
    """

    name: str
    kind: Literal["number", "category"]
    edges: tuple[float, ...]
    levels: tuple[str, ...]
    counts: tuple[int, ...]
    tolerated: float = 0.0

    def count(self, frame: pl.DataFrame) -> Counts:
        """Return how many rows of `frame` fall into each bin; a column that is absent or of another kind is missing."""
        if self.name not in frame.columns:
            return _all_missing(len(self.counts), frame.height)
        series = frame[self.name]
        if self.kind == "number":
            values = as_numbers(frame, self.name)
            return _all_missing(len(self.counts), frame.height) if values is None else count_numbers(values, self.edges)
        return count_levels(_level_counts(series), self.levels, missing=_blank(series))


class Reference(Document):
    """The training rows of one model. `customers` counts each once: rows of one customer are not independent.

    `test_date` is the middle of the test rows' days.
    """

    format: Literal[1] = 1
    features: tuple[FeatureReference, ...]
    rows: int
    customers: int
    first_date: str | None
    last_date: str | None
    churn_rates: tuple[ChurnRate, ...]
    test_date: str | None = None

    def pace(self, on: dt.date) -> float:
        """Return how much longer ago training was on `on` than it was at the test: 1 or more.

        A feature that counts from the first record keeps moving; at the pace seen in the test, that is no drift.
        """
        if self.first_date is None or self.last_date is None or self.test_date is None:
            return 1.0
        first, last, test = (dt.date.fromisoformat(day) for day in (self.first_date, self.last_date, self.test_date))
        middle = first + (last - first) / 2
        return max(1.0, (on - middle).days / max((test - middle).days, 1))

    @classmethod
    def kept(cls, values: object) -> Reference | None:
        """Return the reference kept as `values`; None for another format or damage, for it can be rebuilt."""
        try:
            return cls.read(values, where=FILE)
        except ContractBroken:
            return None


def build_reference(
    frame: pl.DataFrame,
    features: Sequence[str],
    *,
    training: tuple[dt.date, dt.date] | None,
    test: tuple[dt.date, dt.date] | None,
) -> Reference:
    """Bin the rows of a training set whose snapshot lies in `training` (first and last day; None: all rows).

    `test` names the days of the later test rows, which say how much drift the model was shown to survive; where the test
    is of the same days, the drift from the first to the last of them says how fast features move by themselves.
    """
    rows, later, gauge = _between(frame, training), None, None
    span = _span(rows)
    if test is not None and _is_test(test, training):
        later, gauge = _between(frame, test), test[0] + (test[1] - test[0]) / 2
    elif span is not None and span[1] > span[0]:  # judged on other customers of the same dates: the dates' own drift
        later, gauge = _between(frame, (span[1], span[1])), span[0] + (span[1] - span[0]) / 2 + (span[1] - span[0])
    start = _between(frame, (span[0], span[0])) if span is not None and not _is_test(test, training) else rows
    return Reference(
        features=tuple(_feature(rows, start, later, name) for name in features if name in frame.columns),
        rows=rows.height,
        customers=rows["customer_id"].n_unique() if rows.height else 0,
        first_date=None if span is None else str(span[0]),
        last_date=None if span is None else str(span[1]),
        churn_rates=_rates(frame),
        test_date=None if gauge is None else str(gauge),
    )


def as_numbers(frame: pl.DataFrame, name: str) -> NDArray[np.generic] | None:
    """Return a column as floats (n,), NaN where missing, dates as days before the snapshot; None where it is text."""
    series = frame[name]
    if series.dtype.is_temporal() and series.dtype not in {pl.Duration, pl.Time}:
        if "snapshot_date" not in frame.columns:
            return None
        series = (frame["snapshot_date"].cast(pl.Datetime("us")) - series.cast(pl.Datetime("us"))).dt.total_hours() / 24
    elif series.dtype == pl.Duration:
        series = series.dt.total_hours() / 24
    elif series.dtype == pl.Null:
        return np.full(series.len(), np.nan)
    if not (series.dtype.is_numeric() or series.dtype == pl.Boolean):
        return None
    kind = pl.Float32 if series.dtype == pl.Float32 else pl.Float64
    return series.cast(kind).to_numpy()


def _is_test(test: tuple[dt.date, dt.date] | None, training: tuple[dt.date, dt.date] | None) -> bool:
    return test is not None and training is not None and test[0] > training[1]


def _span(rows: pl.DataFrame) -> tuple[dt.date, dt.date] | None:
    known = rows["snapshot_date"].drop_nulls() if "snapshot_date" in rows.columns else pl.Series([], dtype=pl.Date)
    first, last = (known.min(), known.max()) if known.len() else (None, None)
    return (first, last) if isinstance(first, dt.date) and isinstance(last, dt.date) else None


def _feature(rows: pl.DataFrame, start: pl.DataFrame, later: pl.DataFrame | None, name: str) -> FeatureReference:
    values = as_numbers(rows, name)
    if values is not None:
        edges = quantile_edges(values)
        binned = count_numbers(values, edges)
        made = FeatureReference(name=name, kind="number", edges=edges, levels=(), counts=tuple(binned.tolist()))
    else:
        counts = _level_counts(rows[name])
        levels = common_levels(counts)
        binned = count_levels(counts, levels, missing=_blank(rows[name]))
        made = FeatureReference(name=name, kind="category", edges=(), levels=levels, counts=tuple(binned.tolist()))
    if later is None or not later.height or not rows.height:
        return made
    return made.model_copy(update={"tolerated": psi(made.count(start), made.count(later))})


def _between(frame: pl.DataFrame, days: tuple[dt.date, dt.date] | None) -> pl.DataFrame:
    if days is None or "snapshot_date" not in frame.columns:
        return frame
    return frame.filter(pl.col("snapshot_date").is_between(*days))


def _rates(frame: pl.DataFrame) -> tuple[ChurnRate, ...]:
    if not {"has_churned", "snapshot_date"} <= set(frame.columns):
        return ()
    counted = (
        frame.filter(pl.col("has_churned").is_not_null(), pl.col("snapshot_date").is_not_null())
        .group_by("snapshot_date")
        .agg(pl.len(), pl.col("has_churned").sum().alias("churners"))
        .sort("snapshot_date")
    )
    return tuple(ChurnRate(str(day), int(rows), int(churners)) for day, rows, churners in counted.iter_rows())


def _level_counts(series: pl.Series) -> dict[str, int]:
    text = series.cast(pl.String).str.strip_chars()
    counted = text.to_frame("v").filter(pl.col("v").is_not_null() & (pl.col("v") != "")).group_by("v").len()
    return dict(counted.iter_rows())


def _blank(series: pl.Series) -> int:
    text = series.cast(pl.String).str.strip_chars()
    return int((text.is_null() | (text == "")).sum())


def _all_missing(bins: int, rows: int) -> Counts:
    counts = np.zeros(bins, dtype=np.int64)
    counts[-1] = rows
    return counts
