"""What every candidate must beat: the same probability for all, and the rule of thumb of the last login."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import polars as pl

from churn.modeling.encoding.columns import Floats, numbers
from churn.modeling.encoding.encoder import LearningRows

LAST_LOGIN = "days_since_last_login"


@dataclass(frozen=True)
class Baseline:
    """A rule that gives a raw score (log-odds) to each row of a frame, (n,)."""

    name: str
    title: str
    score: Callable[[pl.DataFrame], Floats]


def baselines(rows: LearningRows, features: tuple[str, ...]) -> tuple[Baseline, ...]:
    """Return the constant, and the last-login rule where the data say when customers last logged in."""
    rules = [Baseline("constant", "Constant (same for all)", _constant)]
    if LAST_LOGIN in features:
        days = numbers(rows.frame, LAST_LOGIN)
        known = days[~np.isnan(days)]
        if known.size and np.ptp(known) > 0:
            rules.append(Baseline("last_login_rule", "Last-login rule", _LastLogin(float(known.max()))))
    return tuple(rules)


def _constant(frame: pl.DataFrame) -> Floats:
    return np.zeros(frame.height)


@dataclass(frozen=True)
class _LastLogin:
    """The longer the silence, the likelier churn; who never logged in has been silent longest."""

    longest: float

    def __call__(self, frame: pl.DataFrame) -> Floats:
        days = numbers(frame, LAST_LOGIN)
        return np.asarray(np.log1p(np.clip(np.where(np.isnan(days), self.longest + 1.0, days), 0.0, None)))
