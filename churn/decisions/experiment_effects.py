"""An effect of a campaign on churn with its interval, and the small statistics that every kind of effect shares."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy import optimize, special

from churn.decisions.checks import Floats
from churn.errors import CampaignError, ConfigError, DataError

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
    if not 0.0 < confidence < 1.0:
        raise ConfigError(f"{confidence} is not between 0 and 1", where="confidence")
    return float(special.ndtri(0.5 + confidence / 2))


def interval_p_value(delta: float, interval: Callable[[float], tuple[float, float]]) -> float:
    """Return the two-sided p-value of no effect that belongs to `interval`, which gives (low, high) at a quantile z.

    The interval is inverted: p = 2 Phi(-z) for the z at which its nearer bound touches 0. A score test's p-value beside a
    hybrid-score interval would now and then say .051 where the interval leaves 0 out.
    """
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
