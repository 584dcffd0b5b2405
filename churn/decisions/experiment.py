"""What a campaign with a holdout caused: the effect as assigned with its interval, and what it was worth.

Everywhere the effect is delta = p_C - p_T, churn of the holdout less churn of the treatment arm, so that a positive
effect means customers kept. Arms are compared as assigned, never as delivered.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from churn.decisions.checks import Bools, Floats, finite, outcomes
from churn.decisions.experiment_effects import (
    CupedEffect,
    Effect,
    interval_p_value,
    normal_quantile,
    require_arms,
    wilson,
    wilson_interval,
)
from churn.decisions.experiment_profit import IncrementalProfit, incremental_profit
from churn.decisions.experiment_strata import stratified_effect
from churn.errors import CampaignError, ConfigError, DataError

__all__ = [
    "SAMPLE_RATIO_ALPHA",
    "CupedEffect",
    "Effect",
    "IncrementalProfit",
    "cuped",
    "delivered_effect",
    "holm",
    "incremental_profit",
    "newcombe",
    "sample_ratio_test",
    "stratified_effect",
    "wilson",
]

SAMPLE_RATIO_ALPHA = 0.001  # below it the split itself is broken, and no verdict is given


def newcombe(churned_t: int, n_t: int, churned_c: int, n_c: int, confidence: float = 0.95) -> Effect:
    """Return the effect of treatment (`churned_t` of `n_t`) against holdout (`churned_c` of `n_c`).

    The interval is the hybrid-score one, square-and-add of two Wilson intervals (Newcombe 1998, method 10), and the
    p-value is its inversion. Raises CampaignError where an arm is empty, DataError where counts cannot be.
    """
    require_arms(n_t, n_c)
    for name, churned, n in (("churned_t", churned_t, n_t), ("churned_c", churned_c, n_c)):
        if not 0 <= churned <= n:
            raise DataError(f"{churned} of {n} customers cannot have churned", where=name)
    churned_t, n_t, churned_c, n_c = int(churned_t), int(n_t), int(churned_c), int(n_c)  # numpy's are no plain numbers
    z = normal_quantile(confidence)
    p_t, p_c = churned_t / n_t, churned_c / n_c
    delta = p_c - p_t
    rates, sizes = np.array([p_t, p_c]), np.array([n_t, n_c], dtype=np.float64)

    def interval(quantile: float) -> tuple[float, float]:
        low, high = wilson_interval(rates, sizes, quantile)
        return (
            float(delta - math.hypot(p_c - low[1], high[0] - p_t)),
            float(delta + math.hypot(high[1] - p_c, p_t - low[0])),
        )

    low, high = interval(z)
    wald = z * math.sqrt(p_t * (1 - p_t) / n_t + p_c * (1 - p_c) / n_c)
    return Effect(
        delta=delta,
        low=low,
        high=high,
        wald_low=delta - wald,
        wald_high=delta + wald,
        p_value=interval_p_value(delta, interval),
        churn_treatment=p_t,
        churn_holdout=p_c,
        treatment=n_t,
        holdout=n_c,
        confidence=confidence,
    )


def cuped(y: ArrayLike, arm: ArrayLike, covariate: ArrayLike, confidence: float = 0.95) -> CupedEffect:
    """Return the effect on 0/1 churn `y` (n,), `arm` 1 for treatment, adjusted by a pre-period `covariate` (n,).

    y - slope (x - mean x), slope = cov(y, x) / var(x) within arms (Deng, Xu, Kohavi and Walker 2013). A covariate that
    does not vary removes nothing. Raises CampaignError where an arm has fewer than 2 customers.
    """
    x = finite("covariate", covariate)
    churned, treated = outcomes("y", y, x.size), outcomes("arm", arm, x.size)
    require_arms(int(treated.sum()), int((~treated).sum()), least=2)
    truth = churned.astype(np.float64)
    within_y, within_x = _centred(truth, treated), _centred(x, treated)
    spread = float(within_x @ within_x)
    # A covariate that is constant but for rounding would give a slope made of rounding.
    slope = float(within_x @ within_y) / spread if spread > 1e-18 * max(float(x @ x), 1e-300) else 0.0
    delta, error, freedom = _welch(truth - slope * (x - x.mean()), treated)
    _, plain_error, _ = _welch(truth, treated)
    half = float(special.stdtrit(freedom, 0.5 + confidence / 2)) * error if error > 0 else 0.0
    return CupedEffect(
        delta=delta,
        low=delta - half,
        high=delta + half,
        variance_removed=1.0 - (error / plain_error) ** 2 if plain_error > 0 else 0.0,
        slope=slope,
        p_value=2.0 * float(special.stdtr(freedom, -abs(delta) / error)) if error > 0 else float(delta == 0.0),
        treatment=int(treated.sum()),
        holdout=int((~treated).sum()),
        confidence=confidence,
    )


def delivered_effect(effect: Effect, delivered_share_t: float, delivered_share_c: float = 0.0) -> Effect:
    """Return the effect on those whom delivery reached because they were assigned to it (complier average).

    As-assigned effect over the difference of the delivered shares (Bloom 1984); the interval is scaled likewise, the
    shares taken as known. Raises CampaignError where delivery did not differ between the arms.
    """
    difference = delivered_share_t - delivered_share_c
    if not 0.0 < difference <= 1.0:
        raise CampaignError(
            f"the treatment arm was reached at {delivered_share_t:.1%}, the holdout at {delivered_share_c:.1%}",
            where="delivered effect",
            remedy="Record `delivered` outcomes, or look why the holdout was contacted.",
        )
    scaled = ("delta", "low", "high", "wald_low", "wald_high")
    return replace(effect, **{name: getattr(effect, name) / difference for name in scaled}, method="delivered")


def sample_ratio_test(n_t: int, n_c: int, share: float) -> float:
    """Return the chi-square p-value that a holdout of `n_c` and a treatment arm of `n_t` were split at `share`.

    `share` is the holdout's intended share. Below `SAMPLE_RATIO_ALPHA` the split is broken and no verdict may follow.
    """
    if not 0.0 <= share <= 1.0:
        raise ConfigError(f"{share} is not a share between 0 and 1", where="holdout share")
    total = n_t + n_c
    expected = share * total
    if total == 0 or expected in {0.0, float(total)}:
        return float(n_c == expected)
    statistic = (n_c - expected) ** 2 * (1 / expected + 1 / (total - expected))
    return float(special.chdtrc(1, statistic))


def holm(p_values: ArrayLike) -> Floats:
    """Return p-values (m,) corrected for being several, in their order: family-wise, step-down (Holm 1979)."""
    p = finite("p_values", p_values)
    if p.size and not (p.min() >= 0.0 and p.max() <= 1.0):
        raise DataError("p-values lie between 0 and 1", where="p_values")
    order = np.argsort(p, kind="stable")
    stepped = np.maximum.accumulate(p[order] * np.arange(p.size, 0, -1))
    corrected = np.empty(p.size)
    corrected[order] = np.minimum(stepped, 1.0)
    return corrected


def _centred(values: Floats, treated: Bools) -> Floats:
    centred: Floats = values - np.where(treated, values[treated].mean(), values[~treated].mean())
    return centred


def _welch(values: Floats, treated: Bools) -> tuple[float, float, float]:
    """Difference holdout less treatment, its standard error, and Satterthwaite's degrees of freedom."""
    c, t = values[~treated], values[treated]
    parts = np.array([c.var(ddof=1) / c.size, t.var(ddof=1) / t.size])
    total = float(parts.sum())
    below = float(np.sum(parts**2 / np.array([c.size - 1, t.size - 1])))
    return float(c.mean() - t.mean()), math.sqrt(total), total**2 / below if below > 0 else math.inf
