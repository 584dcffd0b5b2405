"""What a model's training rows looked like, kept with the model: bins and counts per feature, so that drift needs no rows."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final, Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from churn.decisions.drift import Counts, common_levels, count_levels, count_numbers, psi, quantile_edges

FORMAT: Final = 1
FILE: Final = "reference.json"
Kind = Literal["number", "category"]


@dataclass(frozen=True)
class FeatureReference:
    """One feature among the training rows: its bins, how many rows fell into each, and how many of the test rows.

    `edges` of a number, `levels` of a category. `tolerated` is the PSI from training to test rows: drift that the
    model's test, which is later, already went through.
    """

    name: str
    kind: Kind
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


@dataclass(frozen=True)
class Reference:
    """The training rows of one model. `customers` counts each once: rows of one customer are not independent."""

    features: tuple[FeatureReference, ...]
    rows: int
    customers: int
    first_date: str | None
    last_date: str | None
    churn_rates: tuple[tuple[str, int, int], ...]  # snapshot date, labelled rows, churners
    test_date: str | None = None  # the middle of the test rows' days

    def pace(self, on: dt.date) -> float:
        """Return how much longer ago training was on `on` than it was at the test: 1 or more.

        A feature that counts from the day records begin moves on and on; at the pace that the test saw, it is no news.
        """
        if self.first_date is None or self.last_date is None or self.test_date is None:
            return 1.0
        first, last, test = (dt.date.fromisoformat(day) for day in (self.first_date, self.last_date, self.test_date))
        middle = first + (last - first) / 2
        return max(1.0, (on - middle).days / max((test - middle).days, 1))

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        return {"format": FORMAT, **asdict(self)}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Reference | None:
        """Return what `to_json` wrote; None for another format or damage, for it can be rebuilt."""
        try:
            if values["format"] != FORMAT:
                return None
            features = tuple(
                FeatureReference(**{k: tuple(v) if isinstance(v, list) else v for k, v in one.items()})
                for one in values["features"]
            )
            rates = tuple((str(d), int(n), int(c)) for d, n, c in values["churn_rates"])
            names = ("rows", "customers", "first_date", "last_date", "test_date")
            return cls(features=features, churn_rates=rates, **{name: values[name] for name in names})
        except (KeyError, TypeError, ValueError):
            return None


def build_reference(
    frame: pl.DataFrame,
    features: Sequence[str],
    *,
    training: tuple[dt.date, dt.date] | None,
    test: tuple[dt.date, dt.date] | None,
) -> Reference:
    """Bin the rows of a training set whose snapshot lies in `training` (first and last day; None: all rows).

    `test` names the days of the later test rows, which say how much drift the model was shown to survive.
    """
    rows, later = _between(frame, training), _between(frame, test) if test is not None and test != training else None
    found = tuple(_feature(rows, later, name) for name in features if name in frame.columns)
    days = rows["snapshot_date"] if "snapshot_date" in rows.columns else pl.Series("snapshot_date", [], dtype=pl.Date)
    known = days.drop_nulls()
    return Reference(
        features=found,
        rows=rows.height,
        customers=rows["customer_id"].n_unique() if rows.height else 0,
        first_date=str(known.min()) if known.len() else None,
        last_date=str(known.max()) if known.len() else None,
        churn_rates=_rates(frame),
        test_date=None if later is None or test is None else str(test[0] + (test[1] - test[0]) / 2),
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


def _feature(rows: pl.DataFrame, later: pl.DataFrame | None, name: str) -> FeatureReference:
    values = as_numbers(rows, name)
    if values is not None:
        edges = quantile_edges(values)
        made = FeatureReference(name, "number", edges, (), tuple(count_numbers(values, edges).tolist()))
    else:
        counts = _level_counts(rows[name])
        levels = common_levels(counts)
        binned = count_levels(counts, levels, missing=_blank(rows[name]))
        made = FeatureReference(name, "category", (), levels, tuple(binned.tolist()))
    if later is None or not later.height or not rows.height:
        return made
    return FeatureReference(**{**vars(made), "tolerated": psi(made.counts, made.count(later))})


def _between(frame: pl.DataFrame, days: tuple[dt.date, dt.date] | None) -> pl.DataFrame:
    if days is None or "snapshot_date" not in frame.columns:
        return frame
    return frame.filter(pl.col("snapshot_date").is_between(*days))


def _rates(frame: pl.DataFrame) -> tuple[tuple[str, int, int], ...]:
    if not {"has_churned", "snapshot_date"} <= set(frame.columns):
        return ()
    counted = (
        frame.filter(pl.col("has_churned").is_not_null(), pl.col("snapshot_date").is_not_null())
        .group_by("snapshot_date")
        .agg(pl.len(), pl.col("has_churned").sum().alias("churners"))
        .sort("snapshot_date")
    )
    return tuple((str(day), int(n), int(c)) for day, n, c in counted.iter_rows())


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
