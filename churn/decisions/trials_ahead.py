"""Foresees which offers of a programme will be on trial, by `decisions.doubt`, in many companies at once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from churn.decisions.checks import Bools, Floats
from churn.decisions.doubt import RISKED, SURE, SURE_MEASURED
from churn.decisions.effect import FILE_IS_WRONG, Z_90, prior_centres
from churn.decisions.priced_arm import PricedArm

Choice = NDArray[np.int64]


def admitted(
    arms: Sequence[PricedArm],
    choice: Choice,
    profit: Floats,
    by_file: Floats,
    value: Floats,
    weight: float,
    precision: Sequence[Floats] | None,
    luck: Floats,
) -> Bools | None:
    """Return who may get each offer (d, n, k), whom `luck` (d, n, k) in 0..1 draws for a trial where it is doubtful; None where none is.

    `choice` (d, n) is what d companies would choose if all offers were sure, `profit` and `by_file` (d, n, k) what is expected by
    what is believed and by the files, `precision` of each offer (d, k_a, k_a) what was measured. A row stands for `weight` customers.
    """
    prospects = [_prospect(k, arm, choice, profit, by_file, value, weight, precision) for k, arm in enumerate(arms)]
    is_sure = np.column_stack([sure for sure, _, _, _ in prospects])
    if is_sure.all():
        return None
    customers, total, worst = (np.column_stack([prospect[at] for prospect in prospects]) for at in (1, 2, 3))
    room = RISKED * np.maximum(total, 0.0).sum(axis=1) / np.maximum((~is_sure).sum(axis=1), 1)
    size = np.minimum(customers, room[:, None] / np.maximum(worst / np.maximum(customers, 1e-9), 1e-12))
    able = np.column_stack([arm.is_eligible for arm in arms]) & (profit > 0.0)
    share = size / np.maximum(weight * able.sum(axis=1), 1e-9)
    return np.asarray(is_sure[:, None, :] | (luck < share[:, None, :]), dtype=np.bool_)


def _prospect(
    k: int,
    arm: PricedArm,
    choice: Choice,
    profit: Floats,
    by_file: Floats,
    value: Floats,
    weight: float,
    precision: Sequence[Floats] | None,
) -> tuple[Bools, Floats, Floats, Floats]:
    """Return of one offer, by company (d,), whether it is sure, its customers, their profit, and what it loses at worst."""
    from scipy.special import ndtr

    mine = (choice == k) * weight
    total, filed = (np.einsum("dn,dn->d", mine, table[:, :, k]) for table in (profit, by_file))
    stake = (mine * value) @ arm.design
    mean, spread, wide_mean, wide_spread = prior_centres(arm.priors)

    def gains(money: Floats, error: Floats) -> Floats:
        return np.asarray(ndtr(money / np.maximum(error, 1e-9)))

    file_error = np.sqrt(np.maximum(stake**2 @ spread**2, 0.0))
    wrong = gains(filed + stake @ (wide_mean - mean), np.sqrt(np.maximum(stake**2 @ wide_spread**2, 0.0)))
    chance_by_file = (1.0 - FILE_IS_WRONG) * gains(filed, file_error) + FILE_IS_WRONG * wrong
    chance, error, bar = chance_by_file, file_error, np.full(total.size, SURE)
    if precision is not None:
        covariance = np.linalg.inv(np.diag(spread**-2.0) + precision[k])
        error = np.sqrt(np.maximum(np.einsum("di,dij,dj->d", stake, covariance, stake), 0.0))
        chance, bar = gains(total, error), np.where(chance_by_file >= SURE, SURE, SURE_MEASURED)
    customers = mine.sum(axis=1)
    return (customers == 0.0) | (chance >= bar), customers, total, np.maximum(Z_90 * error - total, 0.0)
