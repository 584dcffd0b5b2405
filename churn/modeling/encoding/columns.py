"""Reads one feature of a frame as numbers or as categories, the same way when learning and when scoring."""

from __future__ import annotations

from typing import Final, Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from churn.errors import ModelError

Kind = Literal["number", "category"]
Floats = NDArray[np.float64]

MISSING: Final = "(missing)"
_PARSED_SHARE = 0.95  # a text column is one of numbers if nearly all of its values parse as such
_CODED_LEVELS = 12  # unless its distinct values are so few that they are codes


def kind_of(series: pl.Series) -> Kind:
    """Return how to read `series`. Raises ModelError for types that hold no single value, such as lists."""
    dtype = series.dtype
    if dtype.is_numeric() or dtype.is_temporal() or dtype in {pl.Boolean, pl.Null}:
        return "number"
    if dtype in {pl.String, pl.Categorical, pl.Enum}:
        values = series.drop_nulls()
        if dtype == pl.String and values.n_unique() > _CODED_LEVELS:
            parsed = values.str.strip_chars().cast(pl.Float64, strict=False)
            if parsed.count() >= _PARSED_SHARE * values.len():
                return "number"
        return "category"
    raise ModelError(
        f"feature `{series.name}` holds {dtype}, not one number, date or text",
        where="training",
        remedy="Change its SQL to give one value per customer, or name it in training.exclude_features.",
    )


def numbers(frame: pl.DataFrame, feature: str) -> Floats:
    """Return a feature as float64, shape (n,): NaN where missing or infinite, dates as days before the snapshot.

    Raises ModelError where most of the values are text that does not read as numbers.
    """
    series = frame[feature]
    if series.dtype == pl.Time:
        series = series.cast(pl.Duration("us"))
    if series.dtype == pl.Duration:
        series = series.dt.total_seconds() / 86_400
    elif series.dtype.is_temporal():
        series = _days_before_snapshot(frame, series)
    elif not (series.dtype.is_numeric() or series.dtype in {pl.Boolean, pl.Null}):
        text = series.cast(pl.String)
        series = text.str.strip_chars().cast(pl.Float64, strict=False)
        if series.null_count() - text.null_count() > 0.5 * max(series.len(), 1):
            example = text.filter(series.is_null() & text.is_not_null())[0]
            raise ModelError(
                f"feature `{feature}` was a number in training and now holds text such as {example!r}",
                where="scoring",
                remedy="Compare the source's columns with those the model was trained on.",
            )
    values = series.cast(pl.Float64).to_numpy(writable=True)
    values[~np.isfinite(values)] = np.nan
    return values


def categories(frame: pl.DataFrame, feature: str) -> pl.Series:
    """Return a feature as text, shape (n,), with missing and blank values as a category of their own."""
    text = frame[feature].cast(pl.String).str.strip_chars()
    return text.replace("", None).fill_null(MISSING)


def _days_before_snapshot(frame: pl.DataFrame, series: pl.Series) -> pl.Series:
    moment = series.cast(pl.Datetime("us"))
    epoch = pl.Series([0], dtype=pl.Int64).cast(pl.Datetime("us"))
    if "snapshot_date" in frame.columns:
        anchor = frame["snapshot_date"].cast(pl.Datetime("us")).fill_null(epoch[0])
    else:
        anchor = pl.repeat(epoch[0], frame.height, dtype=pl.Datetime("us"), eager=True)
    return (anchor - moment).dt.total_seconds() / 86_400
