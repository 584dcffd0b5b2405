"""How far probabilities of churn are off, as those whom nobody contacted show: seen by round, pooled, and applied where it is known.

    logit p' = logit p + level + slope (logit p - logit(0.05)) + share s

with s the involuntary part of p, as a share of it. The three numbers are 0 for probabilities that are right, and are shrunk towards
it. Outcomes of a round say of them what a normal distribution holds (`SeenLevel`: precision, and precision x mean); rounds add up. A
level that was seen need not be that of the next month: `_BETWEEN` widens what is told of it. The parts by cause move together.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

import numpy as np

from churn.decisions.checks import Bools, Floats

_CENTRE: Final = float(np.log(0.05 / 0.95))
_SPREAD: Final = np.array([0.3, 0.2, 0.3])  # prior standard deviations of level, slope and share, around 0
_BETWEEN: Final = 0.05  # standard deviation of the log-odds' level from one round to the next
_LEAST: Final = 1e-6
_CERTAINTY: Final = 0.95
_WELL_KNOWN: Final = 0.1  # standard error of how many leave, as a share of them
_STEPS: Final = 50


@dataclass(frozen=True)
class SeenLevel:
    """What customers of one day, whom nobody contacted, say of the three numbers: normal, by `precision` (3, 3) and `shift` (3,).

    `expected` of the `customers` should have left within `window_days`, `churned` did.
    """

    model_version: str
    day: date
    window_days: int
    customers: int
    expected: float
    churned: int
    precision: tuple[tuple[float, ...], ...]
    shift: tuple[float, ...]


@dataclass(frozen=True)
class Recalibration:
    """The pooled correction: `mean` (3,) and `covariance` (3, 3) of level, slope and share, and what was counted in `rounds`."""

    mean: Floats
    covariance: Floats
    rounds: int
    customers: int
    expected: float
    churned: int

    def factor(self, probability: Floats, involuntary: Floats) -> Floats:
        """Return by what each probability (n,), and each part of it, is to be multiplied; `involuntary` is that part of it."""
        corrected = _corrected(probability, _columns(probability, involuntary), self.mean)
        return np.asarray(corrected / np.clip(probability, _LEAST, 1.0 - _LEAST))

    def by_cause(self, probability: Floats, involuntary: Floats) -> Floats:
        """Return what the causes alone add to the log-odds (n,), beside level and slope."""
        return np.asarray(self.mean[2] * _columns(probability, involuntary)[:, 2])

    def error(self, probability: Floats, involuntary: Floats) -> float:
        """Return the standard error of the corrected level among customers, as a share; `probability` is the model's own."""
        columns = _columns(probability, involuntary)
        p = _corrected(probability, columns, self.mean)
        slopes = (p * (1.0 - p)) @ columns / max(float(p.sum()), _LEAST)
        return float(np.sqrt(max(float(slopes @ self.covariance @ slopes), 0.0)))


def see_level(
    churned: Bools,
    probability: Floats,
    involuntary: Floats,
    *,
    model_version: str = "",
    day: date = date.min,
    window_days: int = 0,
) -> SeenLevel:
    """Return what became of customers whom nobody contacted, (n,) each, as evidence of how far their probabilities are off."""
    y, columns = churned.astype(np.float64), _columns(probability, involuntary)
    weak, at = np.diag(_SPREAD**-2.0), np.zeros(3)
    information = np.zeros((3, 3))
    gradient = np.zeros(3)
    for _ in range(_STEPS):  # Newton's steps to the maximum a posteriori, which is the only one
        p = _corrected(probability, columns, at)
        information = columns.T @ ((p * (1.0 - p))[:, None] * columns)
        gradient = columns.T @ (y - p)
        step = np.asarray(np.linalg.solve(information + weak, gradient - weak @ at))
        longest = float(np.max(np.abs(step)))
        at = at + step / max(longest, 1.0)
        if longest < 1e-10:
            break
    shift = gradient + information @ at
    return SeenLevel(
        model_version=model_version,
        day=day,
        window_days=window_days,
        customers=y.size,
        expected=float(probability.sum()),
        churned=int(y.sum()),
        precision=tuple(tuple(float(value) for value in row) for row in (information + information.T) / 2.0),
        shift=tuple(float(value) for value in shift),
    )


def recalibration_by(seen: Sequence[SeenLevel]) -> Recalibration | None:
    """Return the correction that rounds show together; None without any customer. Nothing is asked of its certainty."""
    if not sum(piece.customers for piece in seen):
        return None
    precision = np.sum([piece.precision for piece in seen], axis=0)
    shift = np.sum([piece.shift for piece in seen], axis=0)
    covariance = np.linalg.inv(precision + np.diag(_SPREAD**-2.0))
    return Recalibration(
        mean=covariance @ shift,
        covariance=covariance + np.diag([_BETWEEN**2, 0.0, 0.0]),
        rounds=len(seen),
        customers=sum(piece.customers for piece in seen),
        expected=sum(piece.expected for piece in seen),
        churned=sum(piece.churned for piece in seen),
    )


def known_recalibration(seen: Sequence[SeenLevel]) -> Recalibration | None:
    """Return the correction that rounds show together, where it is known to a tenth or proven with 95 %; else None.

    A model that is a seventh too high is as a rule not proven to be in months: whoever waits for that expects a seventh too much all
    the while. From a hundred who left on, the correction, shrunk as it is, is nearer to the truth than none, unless there is hardly
    anything to correct; and its error goes into the intervals.
    """
    from scipy.special import chdtri

    pooled = recalibration_by(seen)
    if pooled is None:
        return None
    if _error_among(seen, pooled) <= _WELL_KNOWN:
        return pooled
    shift = np.sum([piece.shift for piece in seen], axis=0)
    known = int(np.count_nonzero(np.diag(np.sum([piece.precision for piece in seen], axis=0))))
    return pooled if float(shift @ pooled.mean) > float(chdtri(max(known, 1), 1.0 - _CERTAINTY)) else None


def _error_among(seen: Sequence[SeenLevel], pooled: Recalibration) -> float:
    """Return the standard error of how many leave among those seen, as a share of the fewer of those expected and those who did."""
    slopes = np.sum(
        [piece.precision[0] for piece in seen], axis=0
    )  # of the level: what each of the three numbers moves
    fewest = min(pooled.expected, float(pooled.churned))
    return math.sqrt(float(slopes @ pooled.covariance @ slopes)) / fewest if fewest > 0.0 else math.inf


def apart(seen: Sequence[SeenLevel], model_version: str) -> list[SeenLevel]:
    """Return the levels of a model's rounds whose windows do not overlap, the newest first.

    Offers of one round see the same customers, and so do windows that overlap: of these the largest counts.
    """
    chosen: list[SeenLevel] = []
    for piece in sorted(seen, key=lambda piece: (piece.day, piece.customers), reverse=True):
        ends = piece.day + timedelta(piece.window_days)
        if piece.model_version == model_version and (not chosen or ends <= chosen[-1].day):
            chosen.append(piece)
    return chosen


def _columns(probability: Floats, involuntary: Floats) -> Floats:
    from scipy.special import logit

    p = np.clip(probability, _LEAST, 1.0 - _LEAST)
    return np.column_stack([np.ones(p.size), logit(p) - _CENTRE, np.clip(involuntary / p, 0.0, 1.0)])


def _corrected(probability: Floats, columns: Floats, numbers: Floats) -> Floats:
    from scipy.special import expit, logit

    return np.asarray(expit(logit(np.clip(probability, _LEAST, 1.0 - _LEAST)) + columns @ numbers))
