"""What an effect came to in customers saved and in money, with the effect's interval."""

from __future__ import annotations

import math
from dataclasses import dataclass

from churn.decisions.experiment_effects import CupedEffect, Effect
from churn.errors import DataError


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
    saves, low, high = (n_t * each for each in (effect.delta, effect.low, effect.high))
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
