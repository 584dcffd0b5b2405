"""How the customers of a day fall into the bins of a reference: whole numbers, so that parts of the customers add up to all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl

from churn.decisions.drift import Counts
from churn.monitoring.reference import FeatureReference, Reference


@dataclass(frozen=True)
class DayCounts:
    """How many customers there are, and by feature how many fall into each of its bins."""

    rows: int
    by_feature: Mapping[str, Counts]

    @classmethod
    def of(cls, reference: Reference, frame: pl.DataFrame) -> DayCounts:
        """Count the rows of `frame`, one for each customer."""
        return cls(frame.height, {feature.name: feature.count(frame) for feature in reference.features})

    @classmethod
    def none(cls, reference: Reference) -> DayCounts:
        """Return the counts of nobody."""
        return cls(0, {feature.name: np.zeros(len(feature.counts), np.int64) for feature in reference.features})

    def __add__(self, other: DayCounts) -> DayCounts:
        both = {name: counts + other.by_feature[name] for name, counts in self.by_feature.items()}
        return DayCounts(self.rows + other.rows, both)

    def of_feature(self, feature: FeatureReference) -> Counts:
        """Return how many fall into each bin of `feature`, and last how many have no value."""
        return self.by_feature[feature.name]
