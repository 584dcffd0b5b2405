"""What a plan's holdout costs and what it will be able to tell, over all its assigned, earlier ones included."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from churn.config import Settings
from churn.decisions.power import price_of_holdout

if TYPE_CHECKING:
    import polars as pl

    from churn.workflows.plan_document import Planned
    from churn.workflows.plan_scores import ScoreList

ALPHA, POWER = 0.05, 0.8


def holdout_document(
    each: Planned, assigned: pl.DataFrame, scores: ScoreList, settings: Settings
) -> dict[str, dict[str, Any]]:
    """Return `holdout` (who is left alone and what that forgoes) and `power` (what effect will be found) of a campaign.

    Churn and effect are those expected in the outcome window: where it is longer or shorter than the horizon of the
    probabilities they are stretched at a constant rate.
    """
    import polars as pl

    definition = each.priced.definition
    window = definition.window(settings.churn)
    horizon = window if settings.churn.definition == "inactivity" else settings.churn.horizon_days
    rows = np.concatenate([each.treated, each.held_out])
    mine = assigned.filter(pl.col("campaign") == definition.name)

    def mean(ours: np.ndarray[Any, np.dtype[np.float64]], column: str) -> float:
        known = mine[column].drop_nulls().to_numpy()
        both = np.concatenate([ours[rows], known])
        return float(both.mean()) if both.size else 0.0

    treatment = each.treated.size + each.used.treatment
    holdout = each.held_out.size + each.used.holdout
    chosen = treatment + holdout
    rate = mean(scores.frame["churn_probability"].to_numpy(), "churn_probability")
    effect = mean(each.priced.avoided, "expected_uplift")
    profit = mean(each.priced.profit, "expected_profit")
    value = mean(scores.frame["value_of_save"].to_numpy(), "value_of_save")
    stretched = 1.0 - (1.0 - rate) ** (window / horizon)
    effect *= stretched / rate if rate > 0 else 1.0
    share = holdout / chosen if chosen else definition.holdout.share
    price = price_of_holdout(
        chosen,
        share,
        churn_rate=stretched,
        expected_effect=min(max(effect, 0.0), stretched),
        expected_profit=profit,
        value=value,
        alpha=ALPHA,
        power=POWER,
    )
    detectable = price.minimum_detectable_effect
    return {
        "holdout": {
            "share": definition.holdout.share,
            "seed": definition.holdout.seed,
            "treatment": treatment,
            "holdout": holdout,
            "new_treatment": each.treated.size,
            "new_holdout": each.held_out.size,
            "profit_forgone": round(price.profit_forgone, 2),
            "strata": _strata(each, scores),
        },
        "power": {
            "churn_rate": round(stretched, 6),
            "expected_effect": round(effect, 6),
            "minimum_detectable_effect": None if detectable is None else round(detectable, 6),
            "power": round(price.power, 4),
            "half_width": _finite(price.half_width, 6),
            "profit_half_width": _finite(price.profit_half_width, 2),
            "customers_needed": price.customers_needed,
            "alpha": ALPHA,
            "wanted_power": POWER,
            "window_days": window,
        },
    }


def _strata(each: Planned, scores: ScoreList) -> list[dict[str, Any]]:
    bands = scores.frame["risk_band"].to_numpy()
    found = []
    for stratum in sorted({*bands[each.treated], *bands[each.held_out], *each.used.strata}):
        before = each.used.strata.get(stratum)
        treatment = int(np.count_nonzero(bands[each.treated] == stratum)) + (before.treatment if before else 0)
        holdout = int(np.count_nonzero(bands[each.held_out] == stratum)) + (before.holdout if before else 0)
        found.append({"stratum": stratum, "treatment": treatment, "holdout": holdout})
    return found


def _finite(number: float, digits: int) -> float | None:
    return round(number, digits) if np.isfinite(number) else None
