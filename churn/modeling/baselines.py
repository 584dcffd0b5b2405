"""What every candidate must beat: nobody or everybody, the last login, and the churn rate of the plan or segment."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl
from scipy.special import logit

from churn.modeling.encoding.columns import Floats, categories, kind_of, numbers
from churn.modeling.encoding.encoder import LearningRows

LAST_LOGIN = "days_since_last_login"
_SEGMENTS = 50  # more, and it is an address, not a segment
_PRIOR_ROWS = 50.0  # as if so many more rows had shown the rate of all


@dataclass(frozen=True)
class Baseline:
    """A rule that gives a raw score (log-odds) to each row of a frame, (n,)."""

    name: str
    title: str
    score: Callable[[pl.DataFrame], Floats]


def baselines(rows: LearningRows, features: tuple[str, ...]) -> tuple[Baseline, ...]:
    """Return the rules that the data allow, learnt from `rows`.

    The constant (nobody or everybody, whichever pays), the last-login rule, and the churn rate per value of the plan,
    or, where there is no plan, of the category that alone tells most.
    """
    rules = [Baseline("constant", "Constant (same for all)", _constant)]
    if LAST_LOGIN in features:
        days = numbers(rows.frame, LAST_LOGIN)
        known = days[~np.isnan(days)]
        if known.size and np.ptp(known) > 0:
            rules.append(Baseline("last_login_rule", "Last-login rule", _LastLogin(float(known.max()))))
    segment = _segment(rows, features)
    if segment is not None:
        rules.append(Baseline("segment_rate", f"Churn rate by {segment.feature.replace('_', ' ')}", segment))
    return tuple(rules)


def segment_feature(rows: LearningRows, features: tuple[str, ...]) -> str | None:
    """Return the category whose churn rate is a baseline; None where there is none."""
    segment = _segment(rows, features)
    return segment.feature if segment is not None else None


def _segment(rows: LearningRows, features: tuple[str, ...]) -> _SegmentRate | None:
    words = [name for name in features if kind_of(rows.frame[name]) == "category"]
    rates = [_SegmentRate.learnt(rows, name) for name in (["plan"] if "plan" in words else words)]
    apart = [rate for rate in rates if 1 < len(rate.log_odds) <= _SEGMENTS]
    return min(apart, key=lambda rate: rate.loss, default=None)


def _constant(frame: pl.DataFrame) -> Floats:
    return np.zeros(frame.height)


@dataclass(frozen=True)
class _LastLogin:
    """The longer since the last login, the likelier churn; customers who never logged in count as the longest."""

    longest: float

    def __call__(self, frame: pl.DataFrame) -> Floats:
        days = numbers(frame, LAST_LOGIN)
        return np.asarray(np.log1p(np.clip(np.where(np.isnan(days), self.longest + 1.0, days), 0.0, None)))


@dataclass(frozen=True)
class _SegmentRate:
    """The churn rate of everyone with the same value of one category, shrunk to the rate of all.

    `loss` is what it loses, in log loss, on the rows it was learnt from; a value that was not seen has the rate of all.
    """

    feature: str
    log_odds: Mapping[str, float]
    base: float
    loss: float

    @classmethod
    def learnt(cls, rows: LearningRows, feature: str) -> _SegmentRate:
        values, codes = np.unique(categories(rows.frame, feature).to_numpy().astype(str), return_inverse=True)
        base = float(np.average(rows.y, weights=rows.weight))
        total = np.bincount(codes, weights=rows.weight)
        churned = np.bincount(codes, weights=rows.weight * rows.y)
        rate = np.clip((churned + _PRIOR_ROWS * base) / (total + _PRIOR_ROWS), 1e-4, 1.0 - 1e-4)
        loss = -float(np.sum(churned * np.log(rate) + (total - churned) * np.log1p(-rate)))
        log_odds = dict(zip(values.tolist(), logit(rate).tolist(), strict=True))
        return cls(feature, log_odds, float(logit(np.clip(base, 1e-4, 1.0 - 1e-4))), loss)

    def __call__(self, frame: pl.DataFrame) -> Floats:
        values = categories(frame, self.feature).to_numpy().astype(str).tolist()
        return np.array([self.log_odds.get(value, self.base) for value in values], dtype=np.float64)
