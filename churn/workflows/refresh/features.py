"""Computes point-in-time features for any dates, for exploration and for models built elsewhere."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from churn.context import Context
from churn.errors import ConfigError, DataError
from churn.files import TABLES, check_ending, write_frame
from churn.snapshots.dataset import data_cutoff, feature_frame
from churn.snapshots.policy import SnapshotPolicy
from churn.warehouse.models.sql_models import load_models

if TYPE_CHECKING:
    import polars as pl

    from churn.warehouse import FeatureDoc


MONTHS_A_YEAR = 12


def build_features(
    context: Context, *, first: date, last: date | None = None, every: str = "1mo", out: Path | None = None
) -> tuple[pl.DataFrame, tuple[FeatureDoc, ...]]:
    """Return features of `first` (and on to `last`, spaced by `every`), one row per customer and date, and their docs.

    Writes a table to `out` when given. Raises ConfigError for dates of the
    future or wrong file endings, DataError when nobody is a customer on any of the dates.
    """
    if out is not None:
        check_ending(out, TABLES, where="--out")
    dates = dates_between(first, last or first, every)
    with context.recorded("build_features", dates[-1]), context.open_warehouse("churn features") as warehouse:
        models = load_models(context.settings.home)
        policy = SnapshotPolicy.from_settings(context.settings)
        cutoff = data_cutoff(warehouse)
        if dates[-1] > max(cutoff.date() + timedelta(days=1), context.today):
            raise ConfigError(
                f"{dates[-1]} lies in the future", where="--date", remedy=f"The data reach {cutoff:%Y-%m-%d}."
            )
        context.engine.build_snapshots(warehouse, models, policy, dates, data_cutoff=cutoff, progress=context.progress)
        frame, docs = feature_frame(warehouse, models)
    if frame.is_empty():
        raise DataError(
            f"no customer is active on {dates[0]}" + (f" or any date to {dates[-1]}" if len(dates) > 1 else ""),
            where="snapshots.spine",
            remedy=f"Choose dates the data cover; they reach {cutoff:%Y-%m-%d}.",
        )
    if out is not None:
        write_frame(out, frame, currency=context.settings.business.currency, sheet="Features")
    return frame, docs


def dates_between(first: date, last: date, every: str) -> list[date]:
    """Return the dates from `first` to `last`, spaced by `every`: `2w`, `10d`, `1mo`. Raises ConfigError."""
    if first > last:
        raise ConfigError(f"{first} is after {last}", where="--date", remedy="--date comes first, --to last.")
    number = every.rstrip("dwmo")
    unit = every[len(number) :]
    if not number.isdigit() or int(number) < 1 or unit not in {"d", "w", "mo"}:
        raise ConfigError(f"`{every}` is not a spacing", where="--every", remedy="Write 1d, 2w or 1mo.")
    dates, step = [first], 1
    while (following := _later(first, int(number) * step, unit)) <= last:
        dates.append(following)
        step += 1
    return dates


def _later(first: date, count: int, unit: str) -> date:
    if unit != "mo":
        return first + timedelta(days=count * (7 if unit == "w" else 1))
    months = first.month - 1 + count
    year, month = first.year + months // MONTHS_A_YEAR, months % MONTHS_A_YEAR + 1
    last_day = (date(year + month // MONTHS_A_YEAR, month % MONTHS_A_YEAR + 1, 1) - timedelta(days=1)).day
    return date(year, month, min(first.day, last_day))
