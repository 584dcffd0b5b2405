"""How many customers a campaign's question needs, what a given split can tell, and what the holdout costs."""

from __future__ import annotations

import math
from dataclasses import dataclass

from churn.errors import ConfigError


@dataclass(frozen=True)
class HoldoutPrice:
    """What a holdout costs and what it teaches.

    `profit_forgone` is what the customers held out were expected to earn. `minimum_detectable_effect` (a share of
    customers; None: no effect is large enough), `power` at the expected effect, `half_width`, the expected half width
    of the interval on the effect, and `profit_half_width`, the same in money over the treated.
    """

    holdout: int
    treatment: int
    profit_forgone: float
    minimum_detectable_effect: float | None
    power: float
    half_width: float
    profit_half_width: float
    customers_needed: int | None


def sample_size_per_arm(p1: float, p2: float, alpha: float = 0.05, power: float = 0.8, ratio: float = 1.0) -> int:
    """Return the customers that the first arm needs to tell churn `p1` from `p2`; the second needs `ratio` times more.

    Two-sided, without continuity correction (Fleiss, Levin and Paik 2003, chapter 4). `sample_sizes` gives both arms.
    """
    return sample_sizes(p1, p2, alpha=alpha, power=power, ratio=ratio)[0]


def sample_sizes(
    p1: float, p2: float, *, alpha: float = 0.05, power: float = 0.8, ratio: float = 1.0
) -> tuple[int, int]:
    """Return the customers of both arms, the second `ratio` times the first, each rounded up.

    A 10 % holdout has the ratio 9. Raises ConfigError where the rates are equal, or an argument is out of range.
    """
    _require_rates(p1, p2)
    z_alpha, z_power = _quantiles(alpha, power)
    if not (math.isfinite(ratio) and ratio > 0):
        raise ConfigError(f"{ratio} is not a ratio above 0", where="ratio")
    if p1 == p2:
        raise ConfigError("no sample is large enough to find an effect of 0", where="effect")
    mean = (p1 + ratio * p2) / (1 + ratio)
    null = z_alpha * math.sqrt((ratio + 1) * mean * (1 - mean))
    real = z_power * math.sqrt(ratio * p1 * (1 - p1) + p2 * (1 - p2))
    first = (null + real) ** 2 / (ratio * (p1 - p2) ** 2)
    return math.ceil(first), math.ceil(ratio * first)


def power_of(p1: float, p2: float, n1: float, n2: float, alpha: float = 0.05) -> float:
    """Return the chance that arms of `n1` and `n2` customers tell churn `p1` from `p2`; 0 where an arm is empty.

    The normal approximation that `sample_sizes` solves; the far tail is left out, so equal rates give alpha / 2.
    """
    from scipy import special

    _require_rates(p1, p2)
    z_alpha, _ = _quantiles(alpha, 0.5)
    if n1 <= 0 or n2 <= 0:
        return 0.0
    mean = (n1 * p1 + n2 * p2) / (n1 + n2)
    null = math.sqrt(mean * (1 - mean) * (1 / n1 + 1 / n2))
    real = math.sqrt(p1 * (1 - p1) / n1 + p2 * (1 - p2) / n2)
    surplus = abs(p1 - p2) - z_alpha * null
    if real == 0.0:
        return float(surplus > 0)
    return float(special.ndtr(surplus / real))


def minimum_detectable_effect(
    p_control: float, n_t: float, n_c: float, alpha: float = 0.05, power: float = 0.8
) -> float | None:
    """Return the smallest fall of churn below `p_control` found with chance `power`; None where none is large enough."""
    from scipy import optimize

    _quantiles(alpha, power)

    def surplus(effect: float) -> float:
        return power_of(p_control, p_control - effect, n_c, n_t, alpha) - power

    if p_control <= 0.0 or surplus(p_control) < 0.0:
        return None
    return float(optimize.brentq(surplus, 0.0, p_control, xtol=1e-12))


def price_of_holdout(
    chosen: int,
    share: float,
    *,
    churn_rate: float,
    expected_effect: float,
    expected_profit: float,
    value: float = 0.0,
    alpha: float = 0.05,
    power: float = 0.8,
) -> HoldoutPrice:
    """Return what holding out `share` of the `chosen` customers costs and teaches.

    `churn_rate` is theirs without contact, `expected_effect` the fall hoped for, `expected_profit` of one contact, and
    `value` of a save, in money. `customers_needed` is how many chosen this share would need for `power`.
    """
    if not 0.0 <= share <= 1.0:
        raise ConfigError(f"{share} is not a share between 0 and 1", where="holdout share")
    holdout = round(chosen * share)
    treatment = chosen - holdout
    treated_rate = min(max(churn_rate - expected_effect, 0.0), 1.0)
    z_alpha, _ = _quantiles(alpha, power)
    half = math.inf
    if holdout and treatment:
        spread = churn_rate * (1 - churn_rate) / holdout + treated_rate * (1 - treated_rate) / treatment
        half = z_alpha * math.sqrt(spread)
    needed = None
    if 0.0 < share < 1.0 and churn_rate != treated_rate:
        needed = sum(sample_sizes(churn_rate, treated_rate, alpha=alpha, power=power, ratio=(1 - share) / share))
    return HoldoutPrice(
        holdout=holdout,
        treatment=treatment,
        profit_forgone=holdout * expected_profit,
        minimum_detectable_effect=minimum_detectable_effect(churn_rate, treatment, holdout, alpha, power),
        power=power_of(churn_rate, treated_rate, holdout, treatment, alpha),
        half_width=half,
        profit_half_width=half * treatment * value if treatment else 0.0,
        customers_needed=needed,
    )


def _require_rates(*rates: float) -> None:
    for rate in rates:
        if not 0.0 <= rate <= 1.0:
            raise ConfigError(f"{rate} is not a share between 0 and 1", where="churn rate")


def _quantiles(alpha: float, power: float) -> tuple[float, float]:
    from scipy import special

    for name, share in (("alpha", alpha), ("power", power)):
        if not 0.0 < share < 1.0:
            raise ConfigError(f"{share} is not between 0 and 1", where=name)
    return float(special.ndtri(1 - alpha / 2)), float(special.ndtri(power))
