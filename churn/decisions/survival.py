"""How long customers stay: the product-limit estimate with its interval, for those who came under observation late too."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from churn.decisions.checks import Floats, finite
from churn.decisions.experiment import normal_quantile
from churn.errors import DataError


@dataclass(frozen=True)
class Survival:
    """Arrays of one shape (t,): ages, the share still there after each, its interval, and how many were at risk."""

    ages: Floats
    share: Floats
    low: Floats
    high: Floats
    at_risk: Floats

    def after(self, age: float) -> tuple[float, float, float]:
        """Return the share still there after `age`, and its interval."""
        i = int(np.searchsorted(self.ages, age, side="right")) - 1
        return (1.0, 1.0, 1.0) if i < 0 else (float(self.share[i]), float(self.low[i]), float(self.high[i]))

    @property
    def median(self) -> float | None:
        """The age by which half are lost; None where more than half stay."""
        below = np.flatnonzero(self.share <= 0.5)
        return float(self.ages[below[0]]) if below.size else None


def kaplan_meier(
    ages: ArrayLike, entered: ArrayLike, lost: ArrayLike, censored: ArrayLike, confidence: float = 0.95
) -> Survival:
    """Return the product-limit estimate (Kaplan and Meier 1958) with Greenwood's interval (1926), clipped to 0..1.

    `ages` (t,) rise; `entered`, `lost` and `censored` (t,) count who came under observation, was lost, went out of sight
    at each. Someone who enters at an age above 0 counts from the next age on; losses come before censoring at one age.
    Raises DataError for counts below 0 or more exits than entries.
    """
    when = finite("ages", ages)
    came, left, gone = (finite(name, v) for name, v in (("entered", entered), ("lost", lost), ("censored", censored)))
    if not when.size == came.size == left.size == gone.size or np.any(np.diff(when) <= 0):
        raise DataError("ages must rise, with three counts for each", where="ages")
    if min(came.min(initial=0), left.min(initial=0), gone.min(initial=0)) < 0:
        raise DataError("a count lies below 0", where="entered, lost, censored")
    late = np.where(when > 0, came, 0.0)
    before = np.concatenate([[0.0], np.cumsum(came - left - gone)[:-1]])
    at_risk = before + came - late  # who enters at this very age is not at risk of what happens at it
    if np.any(before + came - left - gone < -1e-9):
        raise DataError("more left than had come", where="lost, censored")
    left = np.minimum(left, at_risk)  # someone who came and was lost on one day was never seen at risk
    with np.errstate(divide="ignore", invalid="ignore"):
        stays = np.where(at_risk > 0, 1.0 - left / at_risk, 1.0)
        terms = np.where((at_risk > 0) & (at_risk > left), left / (at_risk * (at_risk - left)), 0.0)
    share = np.asarray(np.multiply.accumulate(stays), dtype=np.float64)
    half = normal_quantile(confidence) * share * np.sqrt(np.cumsum(terms))
    return Survival(when, share, np.maximum(share - half, 0.0), np.minimum(share + half, 1.0), at_risk)
