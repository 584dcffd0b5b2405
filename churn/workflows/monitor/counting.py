"""Counts, where snapshots are built, how the customers of each day fall into the bins of a model's features."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Final

import numpy as np

from churn.monitoring.day_counts import DayCounts
from churn.monitoring.reference import Reference
from churn.snapshots.dataset import scoring_slices

if TYPE_CHECKING:
    import polars as pl

    from churn.warehouse import SqlModel
    from churn.warehouse.connection import Warehouse

_ROWS: Final = ""  # in the place of a feature's name: all customers of the day


@dataclass(frozen=True)
class CountDays:
    """Counts the customers of `days` by the bins of `reference`; `features` are all that the model knows."""

    reference: Reference
    days: tuple[date, ...]
    features: tuple[str, ...]

    @property
    def key(self) -> str:
        """What tells this counting from another."""
        text = json.dumps([self.reference.as_json(), [str(day) for day in self.days], self.features])
        return hashlib.sha256(text.encode()).hexdigest()

    def __call__(self, warehouse: Warehouse, models: Mapping[str, SqlModel]) -> pl.DataFrame:
        """Return snapshot_date, feature, bin and count; bins that nobody is in are left out."""
        import polars as pl

        rows = [row for day in self.days for row in self._rows(day, self._counted(warehouse, models, day))]
        schema = {"snapshot_date": pl.Date, "feature": pl.String, "bin": pl.Int64, "count": pl.Int64}
        return pl.DataFrame(rows, schema=schema, orient="row")

    def _counted(self, warehouse: Warehouse, models: Mapping[str, SqlModel], day: date) -> DayCounts:
        slices = scoring_slices(warehouse, models, day, wanted=self.features)
        return sum((DayCounts.of(self.reference, part) for part in slices), start=DayCounts.none(self.reference))

    def _rows(self, day: date, counted: DayCounts) -> list[tuple[date, str, int, int]]:
        bins = [(day, _ROWS, 0, counted.rows)]
        for name, counts in counted.by_feature.items():
            bins += [(day, name, int(number), int(counts[number])) for number in np.flatnonzero(counts)]
        return bins

    def read(self, counted: pl.DataFrame) -> dict[date, DayCounts]:
        """Return the counts of each day, of all that was counted in parts and added up."""
        made = {day: DayCounts.none(self.reference) for day in self.days}
        rows = dict.fromkeys(self.days, 0)
        for day, name, number, count in counted.select("snapshot_date", "feature", "bin", "count").iter_rows():
            if name == _ROWS:
                rows[day] = count
            else:
                made[day].by_feature[name][number] = count
        return {day: DayCounts(rows[day], counts.by_feature) for day, counts in made.items()}
