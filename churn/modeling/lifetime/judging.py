"""Judges hazards out of time: fitted on what was known on a day, compared with what happened afterwards."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Final

import numpy as np

from churn.decisions.calibration import calibration_gate
from churn.decisions.checks import Floats
from churn.decisions.lifetime import HORIZONS, PERIOD_DAYS, extended, survival
from churn.decisions.survival_scores import DCalibration, d_calibration, integrated_brier, product_limit
from churn.documents.lifetime import HorizonJudgement
from churn.modeling.lifetime.followed import Followed

D_LEVEL: Final = 0.01
D_LIMIT: Final = 0.03  # a tenth that holds 7 to 13 % of the losses is off by nothing that matters


@dataclass(frozen=True)
class OutOfTime:
    """What later rows say of the curves, and why they fail, if they do."""

    rows: int
    months: int
    horizons: tuple[HorizonJudgement, ...]
    d: DCalibration
    brier: float
    brier_everyone: float
    reasons: tuple[str, ...]


def judge(hazards: Floats, rows: Followed, learnt_from: Followed, periods: int) -> OutOfTime:
    """Judge total hazards (n, K, C) of `rows` over `periods`; `learnt_from` gives the one curve for everyone."""
    curves = survival(extended(hazards, periods))
    sight = _sight(rows)
    horizons = tuple(
        judgement
        for days in HORIZONS
        if days // PERIOD_DAYS <= periods
        for judgement in [_at_horizon(days, curves[:, days // PERIOD_DAYS], rows, sight)]
        if judgement is not None
    )
    observed, is_lost = np.minimum(rows.observed, periods), rows.is_lost & (rows.observed < periods)
    d = d_calibration(curves, observed, is_lost, independent=rows.frame["customer_id"].n_unique())
    known, _ = product_limit(learnt_from.observed, learnt_from.is_lost, max(int(learnt_from.observed.max()), 1))
    everyone = survival(extended(np.tile(known[None, :, None], (1, 1, 1)), periods))
    brier = integrated_brier(curves, observed, is_lost)
    plain = integrated_brier(np.repeat(everyone, rows.size, axis=0), observed, is_lost)
    reasons = [f"within {h.days} days: {reason}" for h in horizons for reason in h.reasons]
    if d.p_value < D_LEVEL and d.worst > D_LIMIT:
        reasons.append(
            f"D-calibration: a tenth of the curve holds {d.shares[int(np.abs(d.shares - 0.1).argmax())]:.1%} of the rows, "
            f"not 10 % within {D_LIMIT:.0%}"
        )
    if not horizons:
        reasons.append("no horizon could be judged")
    if not brier < plain:
        reasons.append(
            f"the integrated Brier score is {brier:.4f}, no better than one curve for everyone ({plain:.4f})"
        )
    return OutOfTime(rows.size, periods, horizons, d, brier, plain, tuple(reasons))


def _sight(rows: Followed) -> Floats:
    """Return how many whole periods the rows of each one's snapshot date can be seen, (n,)."""
    _, place = np.unique(rows.day, return_inverse=True)
    longest = np.zeros(int(place.max()) + 1)
    np.maximum.at(longest, place, rows.observed)
    return np.asarray(longest[place])


def _at_horizon(days: int, there: Floats, rows: Followed, sight: Floats) -> HorizonJudgement | None:
    """Judge on dates that are seen so far; whoever went out of sight before (a pause for good) is left out."""
    k = days // PERIOD_DAYS
    known = (sight >= k) & ((rows.observed >= k) | rows.is_lost)
    has_left = (rows.is_lost & (rows.observed < k))[known]
    if not known.any() or has_left.all() or not has_left.any():
        return None
    gate = calibration_gate(has_left, 1.0 - there[known])
    return HorizonJudgement(
        days=days,
        rows=int(known.sum()),
        predicted=float(np.mean(1.0 - there[known])),
        observed=float(has_left.mean()),
        slope=gate.slope if np.isfinite(gate.slope) else None,
        is_passed=gate.is_passed,
        reasons=gate.reasons,
    )


def cut_day(days: list[date], seen_periods: dict[date, int]) -> date | None:
    """Return the day that hazards are learnt before and judged from: both sides are followed for as long as can be."""
    best: tuple[int, date] | None = None
    for day in days[1:]:
        before = (day - days[0]).days // PERIOD_DAYS
        both = min(before, seen_periods[day])
        if best is None or both > best[0]:
            best = (both, day)
    return best[1] if best else None
