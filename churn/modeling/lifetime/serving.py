"""lifetime.json: the hazards that serve beside a model, as plain numbers, and the figures they give of each customer."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np

from churn.decisions.checks import Bools, Floats
from churn.decisions.lifetime import HORIZONS, anchored, leaves_within, months_after_save, months_kept
from churn.documents.document import Document
from churn.documents.lifetime import LifetimeVerdict
from churn.modeling.encoding.encoder import Matrix
from churn.modeling.lifetime.followed import GROUPS, KINDS
from churn.modeling.lifetime.hazards import FittedHazards, HazardWeights, Scaling

FILE: Final = "lifetime.json"
_STUDENT: Final = 1.8946  # 95 % point of Student's distribution with 7 degrees of freedom, those of eight groups
_ROWS: Final = 16_384  # customers at a time, so that memory stays small
_DIGITS: Final = 5

Numbers = tuple[tuple[float, ...], ...]


class WeightValues(Document):
    """One set of weights: levels (periods, causes), first and later weights (columns, causes)."""

    level: Numbers
    first: Numbers
    later: Numbers


class HazardValues(Document):
    """The model of hazards: which encoded columns it reads and how, its weights, and the weights without each group."""

    causes: tuple[str, ...]
    counted: tuple[bool, ...]
    horizon_days: int
    columns: tuple[int, ...]
    centre: tuple[float, ...]
    spread: tuple[float, ...]
    trust: tuple[float, ...]
    weights: WeightValues
    without: tuple[WeightValues, ...]


class LifetimeFile(Document):
    """lifetime.json: the verdict, and the hazards where any could be learnt."""

    verdict: LifetimeVerdict
    hazards: HazardValues | None = None


@dataclass(frozen=True)
class LifetimeFigures:
    """Figures of each customer, (n,).

    `within` (n, 4): chances of leaving within each horizon; months kept of the next twelve with their 90 % interval; and
    the months of margin that a save keeps.
    """

    within: Floats
    months_kept: Floats
    months_kept_low: Floats
    months_kept_high: Floats
    months_after_save: Floats


@dataclass(frozen=True)
class Lifetime:
    """The hazards of one model, ready to serve."""

    values: HazardValues

    @cached_property
    def fitted(self) -> FittedHazards:
        """The weights as arrays."""
        return FittedHazards(
            _arrays(self.values.weights),
            tuple(map(_arrays, self.values.without)),
            np.asarray(self.values.trust),
        )

    @cached_property
    def counted(self) -> Bools:
        """Which causes count as churn, (C,)."""
        return np.asarray(self.values.counted, dtype=np.bool_)

    def figures(
        self,
        matrix: Matrix,
        churn_probability: Floats,
        involuntary_probability: Floats | None = None,
        *,
        discount_rate: float = 0.0,
    ) -> LifetimeFigures:
        """Return the figures of encoded rows (n, m) whose calibrated probability over the horizon is given, (n,).

        The chance of leaving within the model's horizon is that very probability, and where its involuntary part is known
        and both causes count, so is the chance by cause.
        """
        p = churn_probability
        if involuntary_probability is not None and self.values.causes == KINDS and self.counted.all():
            p = np.stack([churn_probability - involuntary_probability, involuntary_probability], axis=1)
        parts = [
            self._some(matrix[rows], p[rows], churn_probability[rows], discount_rate)
            for rows in (slice(first, first + _ROWS) for first in range(0, max(len(matrix), 1), _ROWS))
        ]
        return LifetimeFigures(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))

    def hazards(self, matrix: Matrix) -> Floats:
        """Return the hazards of encoded rows before they are anchored, (n, K, C)."""
        return self.fitted.weights.hazards(self._scaling(matrix), self.fitted.trust)

    @cached_property
    def _scaling(self) -> Scaling:
        return Scaling(self.values.columns, self.values.centre, self.values.spread)

    def _some(self, matrix: Matrix, p: Floats, total: Floats, discount_rate: float) -> tuple[Floats, ...]:
        scaled, horizon, counted = self._scaling(matrix), self.values.horizon_days, self.counted
        fitted = self.fitted
        hazards = anchored(fitted.weights.hazards(scaled, fitted.trust), p, horizon, counted)
        within = np.stack([leaves_within(hazards, days, counted) for days in HORIZONS], axis=1)
        if horizon in HORIZONS:  # to the last digit, though parts were added up
            within[:, HORIZONS.index(horizon)] = total
        months = months_kept(hazards)
        others = np.stack(
            [months_kept(anchored(w.hazards(scaled, fitted.trust), p, horizon, counted)) for w in fitted.without]
        )
        # Jackknife over groups of customers: how much the answer moves when one group is left out.
        spread = np.sqrt((GROUPS - 1.0) / GROUPS * ((others - others.mean(axis=0)) ** 2).sum(axis=0))
        low, high = np.maximum(months - _STUDENT * spread, 0.0), np.minimum(months + _STUDENT * spread, 12.0)
        return within, months, low, high, months_after_save(hazards, discount_rate)


def hazard_values(
    fitted: FittedHazards, scaling: Scaling, causes: tuple[str, ...], counted: tuple[bool, ...], horizon_days: int
) -> HazardValues:
    """Return the fitted model as plain values, with as many digits as matter."""
    return HazardValues(
        causes=causes,
        counted=counted,
        horizon_days=horizon_days,
        columns=scaling.columns,
        centre=scaling.centre,
        spread=scaling.spread,
        trust=tuple(fitted.trust.tolist()),
        weights=_values(fitted.weights),
        without=tuple(map(_values, fitted.without)),
    )


def _values(weights: HazardWeights) -> WeightValues:
    level, first, later = (
        tuple(tuple(row) for row in np.round(part, _DIGITS).tolist())
        for part in (weights.level, weights.first, weights.later)
    )
    return WeightValues(level=level, first=first, later=later)


def _arrays(values: WeightValues) -> HazardWeights:
    return HazardWeights(*(np.asarray(part, dtype=np.float64) for part in (values.level, values.first, values.later)))
