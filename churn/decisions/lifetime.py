"""What monthly hazards by cause say of a customer: who leaves within a horizon, months kept, and months after a save.

A hazard (n, K, C) is the chance that a customer who is there when period k opens is lost in it by cause c; a period has
30 days, and the first opens with the label window. Beyond the last period its hazard goes on.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import ArrayLike

from churn.decisions.checks import Bools, Floats
from churn.errors import DataError

PERIOD_DAYS: Final = 30
HORIZONS: Final = (30, 90, 180, 360)  # days: 1, 3, 6 and 12 months
MONTHS_AHEAD: Final = 12
MONTHS_AT_MOST: Final = 24
_EDGE = 1e-9  # no hazard is exactly 0 or 1
_HALVINGS = 50


def anchored(hazards: Floats, probability: ArrayLike, horizon_days: int, counted: Bools) -> Floats:
    """Return `hazards` with those before `horizon_days` scaled so that the chance of loss until then is `probability`.

    `probability` is (n,), of a loss by any cause of `counted` (C,); or (n, C), of a loss by each cause. So where the
    horizon is one period the first hazard is that probability, exactly. Over longer horizons all periods up to it are
    scaled alike, in cumulative hazard.
    """
    p = np.clip(np.asarray(probability, dtype=np.float64), 0.0, 1.0 - _EDGE)
    result = np.array(hazards, dtype=np.float64)
    periods = -(-horizon_days // PERIOD_DAYS)
    if periods > result.shape[1]:
        result = extended(result, periods)
    if p.ndim == 2 and horizon_days == PERIOD_DAYS:
        result[:, 0, :] = p
        return result
    total = p if p.ndim == 1 else p[:, counted].sum(axis=1)
    if horizon_days == PERIOD_DAYS:
        first = result[:, 0, :]
        part = first[:, counted].sum(axis=1)
        share = np.divide(
            first[:, counted],
            part[:, None],
            out=np.full_like(first[:, counted], 1 / counted.sum()),
            where=part[:, None] > 0,
        )
        first[:, counted] = share * total[:, None]
        first[:, ~counted] *= np.minimum(1.0, (1.0 - total) / np.maximum(first[:, ~counted].sum(axis=1), _EDGE))[
            :, None
        ]
        return result
    early = result[:, :periods, :]
    if counted.all():  # in one step: the cumulative hazard until the horizon is to be -log(1 - p)
        force = -np.log1p(-np.clip(early.sum(axis=2), _EDGE, 1.0 - _EDGE))
        force[:, -1] *= (horizon_days - PERIOD_DAYS * (periods - 1)) / PERIOD_DAYS
        factor = -np.log1p(-total) / np.maximum(force.sum(axis=1), _EDGE)
        result[:, :periods, :] = _scaled(early, np.log(np.maximum(factor, _EDGE)), counted)
        return result
    low, high = np.full(len(total), -30.0), np.full(len(total), 30.0)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2.0
        is_over = _within(_scaled(early, middle, counted), horizon_days, counted) > total
        high, low = np.where(is_over, middle, high), np.where(is_over, low, middle)
    result[:, :periods, :] = _scaled(early, (low + high) / 2.0, counted)
    return result


def extended(hazards: Floats, periods: int) -> Floats:
    """Return hazards of `periods` periods: the last one goes on where there are fewer."""
    known = hazards.shape[1]
    if known >= periods:
        return hazards[:, :periods]
    return np.concatenate([hazards, np.repeat(hazards[:, -1:], periods - known, axis=1)], axis=1)


def survival(hazards: Floats) -> Floats:
    """Return the chance of being there at the end of each period, (n, K + 1); the first column is 1."""
    stays = np.clip(1.0 - hazards.sum(axis=2), 0.0, 1.0)
    return np.concatenate([np.ones((len(stays), 1)), np.multiply.accumulate(stays, axis=1)], axis=1)


def leaves_within(hazards: Floats, days: int, counted: Bools) -> Floats:
    """Return the chance of a loss by a `counted` cause within `days` of the opening, (n,)."""
    return _within(extended(hazards, -(-days // PERIOD_DAYS)), days, counted)


def months_kept(hazards: Floats, months: int = MONTHS_AHEAD) -> Floats:
    """Return how many of the next `months` periods a customer is expected to stay, (n,).

    The mean of min(time, months): within a period losses are spread evenly.
    """
    there = survival(extended(hazards, months))
    return np.asarray((there[:, 0] + there[:, -1]) / 2.0 + there[:, 1:-1].sum(axis=1))


def months_after_save(hazards: Floats, discount_rate: float = 0.0, months: int = MONTHS_AT_MOST) -> Floats:
    """Return the months of margin that a save keeps, (n,): sum over t < `months` of S(t) / (1 + r)^t.

    S(t) is the chance that someone kept from leaving in the first period is there after t more: S(0) is 1, and from then
    on the hazards of the second period and later hold. Monthly discount rate r. Raises DataError for a rate below 0.
    """
    if discount_rate < 0.0:
        raise DataError(f"{discount_rate} is below 0", where="discount_rate")
    later = extended(hazards, months)[:, 1:]
    there = survival(later)
    return np.asarray(there @ (1.0 / (1.0 + discount_rate)) ** np.arange(there.shape[1]))


def _within(hazards: Floats, days: int, counted: Bools) -> Floats:
    there = survival(hazards)
    part = hazards[:, :, counted].sum(axis=2)
    whole, rest = divmod(days, PERIOD_DAYS)
    lost = (there[:, :whole] * part[:, :whole]).sum(axis=1)
    if rest:  # the hazard is even within a period
        total = hazards[:, whole].sum(axis=1)
        gone = 1.0 - (1.0 - np.minimum(total, 1.0)) ** (rest / PERIOD_DAYS)
        lost = lost + there[:, whole] * gone * np.divide(
            part[:, whole], total, out=np.zeros_like(total), where=total > 0
        )
    return np.asarray(lost)


def _scaled(hazards: Floats, log_factor: Floats, counted: Bools) -> Floats:
    """Return hazards whose cumulative hazard by a `counted` cause is exp(log_factor) (n,) times as large."""
    total = np.clip(hazards.sum(axis=2), _EDGE, 1.0 - _EDGE)
    force = -np.log1p(-total)[:, :, None] * hazards / total[:, :, None]
    force[:, :, counted] *= np.exp(log_factor)[:, None, None]
    sum_ = np.maximum(force.sum(axis=2), _EDGE)
    return np.asarray(-np.expm1(-sum_)[:, :, None] * force / sum_[:, :, None])
