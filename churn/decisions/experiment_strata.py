"""The effect of a campaign whose arms were drawn within strata of risk."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from churn.decisions.checks import Bools, Floats, outcomes
from churn.decisions.experiment_effects import (
    Effect,
    interval_p_value,
    normal_quantile,
    require_arms,
    wilson_interval,
)
from churn.errors import DataError


def stratified_effect(y: ArrayLike, arm: ArrayLike, stratum: ArrayLike, confidence: float = 0.95) -> Effect:
    """Return the effect on 0/1 churn `y` (n,) where customers were assigned within `stratum` (n,), ordered labels.

    Each stratum's difference weighs as its share of the treated, so the effect is that on the treated. The interval is
    square-and-add of stratified Wilson intervals (Yan and Su 2010), and the p-value is its inversion. A stratum that lacks an arm joins the next one.
    Raises CampaignError where an arm is empty.
    """
    labels = np.asarray(stratum)
    if labels.ndim != 1:
        raise DataError(f"expected one stratum per customer, got shape {labels.shape}", where="stratum")
    churned, treated = outcomes("y", y, labels.size), outcomes("arm", arm, labels.size)
    require_arms(int(treated.sum()), int((~treated).sum()))
    code = joined_strata(np.unique(labels, return_inverse=True)[1], treated)
    n = np.array([np.bincount(code[treated == side], minlength=code.max() + 1) for side in (True, False)], dtype=float)
    hits = np.array([np.bincount(code[(treated == side) & churned], minlength=n.shape[1]) for side in (True, False)])
    weight = n[0] / n[0].sum()
    z = normal_quantile(confidence)
    rate = hits / n
    p_t, p_c = float(weight @ rate[0]), float(weight @ rate[1])
    delta = p_c - p_t

    def interval(quantile: float) -> tuple[float, float]:
        (low_t, high_t), (low_c, high_c) = (_stratified_wilson(rate[a], n[a], weight, quantile) for a in (0, 1))
        return delta - math.hypot(p_c - low_c, high_t - p_t), delta + math.hypot(high_c - p_c, p_t - low_t)

    low, high = interval(z)
    error = math.sqrt(float(np.sum(weight**2 * (rate * (1 - rate) / n).sum(axis=0))))
    return Effect(
        delta=delta,
        low=low,
        high=high,
        wald_low=delta - z * error,
        wald_high=delta + z * error,
        p_value=interval_p_value(delta, interval),
        churn_treatment=p_t,
        churn_holdout=p_c,
        treatment=int(n[0].sum()),
        holdout=int(n[1].sum()),
        confidence=confidence,
        method="stratified newcombe",
    )


def _stratified_wilson(p: Floats, n: Floats, weight: Floats, z: float) -> tuple[float, float]:
    """The interval of a weighted share: each stratum's Wilson interval at the quantile that adds up to z overall."""
    spread = np.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    low, high = wilson_interval(p, n, z * math.sqrt(float(np.sum((weight * spread) ** 2))) / float(weight @ spread))
    return float(weight @ low), float(weight @ high)


def joined_strata(code: NDArray[np.int64], treated: Bools) -> NDArray[np.int64]:
    """Return codes 0.. (n,) in which every stratum holds both arms, of `code` (n,), 0.. in order, and `treated` (n,).

    A stratum that lacks an arm is joined to the next, the last to the one before; all to one where an arm is empty.
    """
    n = np.array([np.bincount(code[treated == side], minlength=code.max() + 1) for side in (True, False)])
    target, current, held = np.empty(n.shape[1], dtype=np.int64), 0, np.zeros(2, dtype=np.int64)
    for stratum in range(n.shape[1]):
        target[stratum] = current
        held += n[:, stratum]
        if held.all():
            current, held = current + 1, np.zeros(2, dtype=np.int64)
    return np.minimum(target, max(current - 1, 0))[code]
