"""What a campaign with a holdout caused: the effect as assigned with its interval, and what it was worth.

Everywhere the effect is delta = p_C - p_T, churn of the holdout less churn of the treatment arm, so that a positive
effect means customers kept. Arms are compared as assigned, never as delivered.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from churn.decisions.checks import Bools, Floats, finite, outcomes
from churn.errors import CampaignError, ConfigError, DataError


def stratified_effect(
    y: ArrayLike, arm: ArrayLike, stratum: ArrayLike, confidence: float = 0.95, *, is_on_all: bool = False
) -> Effect:
    """Return the effect on 0/1 churn `y` (n,) where customers were assigned within `stratum` (n,), ordered labels.

    Each stratum's difference weighs as its share of the treated, so the effect is that on the treated, or with `is_on_all`
    as its share of everybody: the effect that contacting all of them has. The interval is
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
    weight = n.sum(axis=0) / n.sum() if is_on_all else n[0] / n[0].sum()
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


@dataclass(frozen=True)
class IncrementalProfit:
    """What an effect came to among the treated: customers saved, revenue retained, net profit, each with its interval.

    `roi` is net profit over cost, NaN where nothing was spent.
    """

    saves: float
    saves_low: float
    saves_high: float
    revenue: float
    revenue_low: float
    revenue_high: float
    cost: float
    net_profit: float
    net_profit_low: float
    net_profit_high: float
    roi: float


def incremental_profit(effect: Effect | CupedEffect, n_t: int, value: float, cost: float) -> IncrementalProfit:
    """Return what `effect` came to among `n_t` treated, a save being worth `value`, the campaign having cost `cost`.

    Saves = delta n_t; net profit = saves x value - cost; the intervals are the effect's, scaled.
    """
    if not (value >= 0.0 and math.isfinite(value) and math.isfinite(cost)):
        raise DataError(f"value {value} and cost {cost} must be amounts of money", where="incremental profit")
    saves, low, high = (n_t * fall for fall in (effect.delta, effect.low, effect.high))
    net = saves * value - cost
    return IncrementalProfit(
        saves=saves,
        saves_low=low,
        saves_high=high,
        revenue=saves * value,
        revenue_low=low * value,
        revenue_high=high * value,
        cost=cost,
        net_profit=net,
        net_profit_low=low * value - cost,
        net_profit_high=high * value - cost,
        roi=net / cost if cost > 0 else math.nan,
    )


_LEAST_QUANTILE: Final = 1e-9  # at 0 an interval is its middle, and a share of 0 or 1 would divide by it
_MOST_QUANTILE: Final = 37.0  # beyond it the p-value is 0 in double precision


@dataclass(frozen=True)
class Effect:
    """An effect on churn, in shares of customers, with its interval at `confidence`, and the arms it compares.

    `wald_low` and `wald_high` are the textbook interval, for comparison. `p_value` is that of no effect, two-sided, by
    the same interval: the smallest error at which it leaves 0 out, so that it and the verdict always agree.
    """

    delta: float
    low: float
    high: float
    wald_low: float
    wald_high: float
    p_value: float
    churn_treatment: float
    churn_holdout: float
    treatment: int
    holdout: int
    confidence: float = 0.95
    method: str = "newcombe"

    @property
    def is_proven(self) -> bool:
        """Whether the whole interval lies above 0: the campaign kept customers."""
        return self.low > 0.0

    @property
    def is_harmful(self) -> bool:
        """Whether the whole interval lies below 0: the campaign drove customers away."""
        return self.high < 0.0


@dataclass(frozen=True)
class CupedEffect:
    """The effect after a pre-period covariate has explained part of the noise; `variance_removed` is a share.

    `slope` is what one unit of the covariate is worth in churn. The interval is Welch's.
    """

    delta: float
    low: float
    high: float
    variance_removed: float
    slope: float
    p_value: float
    treatment: int
    holdout: int
    confidence: float = 0.95

    @property
    def is_proven(self) -> bool:
        """Whether the whole interval lies above 0: the campaign kept customers."""
        return self.low > 0.0

    @property
    def is_harmful(self) -> bool:
        """Whether the whole interval lies below 0: the campaign drove customers away."""
        return self.high < 0.0


def wilson(hits: int, n: int, confidence: float = 0.95) -> tuple[float, float]:
    """Return the score interval of a share, `hits` of `n` (Wilson 1927); within 0..1, and never empty."""
    if n <= 0:
        raise DataError("a share of nobody has no interval", where="n")
    z = normal_quantile(confidence)
    low, high = wilson_interval(np.array([hits / n]), np.array([float(n)]), z)
    return float(low[0]), float(high[0])


def wilson_interval(p: Floats, n: Floats, z: float) -> tuple[Floats, Floats]:
    """Return the score intervals of shares `p` (s,) of `n` (s,) at the normal quantile `z`."""
    centre = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z * np.sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    # At 0 and n hits the bound is 0 or 1 exactly, which the sum misses by rounding.
    return np.where(p > 0, np.maximum(centre - half, 0.0), 0.0), np.where(p < 1, np.minimum(centre + half, 1.0), 1.0)


def require_arms(n_t: int, n_c: int, least: int = 1) -> None:
    """Raise CampaignError naming the arm that has fewer than `least` customers."""
    for name, n in (("treatment", n_t), ("holdout", n_c)):
        if n < least:
            raise CampaignError(
                f"the {name} arm has {n} customers, {least} or more are needed",
                where="measurement",
                remedy="Without both arms nothing can be said about what the campaign caused.",
            )


def normal_quantile(confidence: float) -> float:
    """Return the two-sided normal quantile, 1.96 at 95 %; raise ConfigError where `confidence` is no such share."""
    from scipy import special

    if not 0.0 < confidence < 1.0:
        raise ConfigError(f"{confidence} is not between 0 and 1", where="confidence")
    return float(special.ndtri(0.5 + confidence / 2))


def interval_p_value(delta: float, interval: Callable[[float], tuple[float, float]]) -> float:
    """Return the two-sided p-value of no effect that belongs to `interval`, which gives (low, high) at a quantile z.

    The interval is inverted: p = 2 Phi(-z) for the z at which its nearer bound touches 0. A score test's p-value beside a
    hybrid-score interval would now and then say .051 where the interval leaves 0 out.
    """
    from scipy import optimize, special

    if delta == 0.0:
        return 1.0

    def nearer(z: float) -> float:
        low, high = interval(z)
        return low if delta > 0 else -high

    if nearer(_LEAST_QUANTILE) <= 0.0:  # no further from 0 than rounding
        return 1.0
    if nearer(_MOST_QUANTILE) > 0.0:
        return 0.0
    z = float(optimize.brentq(nearer, _LEAST_QUANTILE, _MOST_QUANTILE, xtol=1e-10))
    return 2.0 * float(special.ndtr(-z))


__all__ = [
    "SAMPLE_RATIO_ALPHA",
    "CupedEffect",
    "Effect",
    "IncrementalProfit",
    "cuped",
    "cuped_holds",
    "delivered_effect",
    "holm",
    "incremental_profit",
    "newcombe",
    "sample_ratio_test",
    "sample_ratio_test_of_strata",
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


_LEAST_OF_EACH_KIND: Final = 20.0
_LEAST_ARM: Final = 50


def cuped_holds(treatment: int, holdout: int, churned: int) -> bool:
    """Say whether the interval of `cuped` covers what it promises for arms of these sizes, of whom `churned` left.

    It is a normal one: among few customers, or few who leave, it is too narrow (of 6 held out it covers .6 to .75
    instead of .95). By simulation it holds from 50 customers in the smaller arm on of whom 20 are expected to leave,
    and 20 to stay, if both arms were alike; a test repeats that.
    """
    smaller, everybody = min(treatment, holdout), treatment + holdout
    if smaller < _LEAST_ARM:
        return False
    return smaller * min(churned, everybody - churned) / everybody >= _LEAST_OF_EACH_KIND


def cuped(y: ArrayLike, arm: ArrayLike, covariate: ArrayLike, confidence: float = 0.95) -> CupedEffect:
    """Return the effect on 0/1 churn `y` (n,), `arm` 1 for treatment, adjusted by a pre-period `covariate` (n,).

    y - slope (x - mean x), slope = cov(y, x) / var(x) within arms (Deng, Xu, Kohavi and Walker 2013). A covariate that
    does not vary removes nothing. Raises CampaignError where an arm has fewer than 2 customers.
    """
    from scipy import special

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
    from scipy import special

    if not 0.0 <= share <= 1.0:
        raise ConfigError(f"{share} is not a share between 0 and 1", where="holdout share")
    total = n_t + n_c
    expected = share * total
    if total == 0 or expected in {0.0, float(total)}:
        return float(n_c == expected)
    statistic = (n_c - expected) ** 2 * (1 / expected + 1 / (total - expected))
    return float(special.chdtrc(1, statistic))


def sample_ratio_test_of_strata(arms: Sequence[tuple[int, int]], share: float) -> float:
    """Return the p-value that each of several strata, of so many treated and held out, was split at `share` held out.

    The sum of their chi-squares, so that strata that are off in opposite ways do not make up for one another.
    """
    from scipy import special

    statistics = [float(special.chdtri(1, sample_ratio_test(n_t, n_c, share))) for n_t, n_c in arms]
    return float(special.chdtrc(len(statistics), sum(statistics)))


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
