"""Whether a model treats groups of customers alike: who is contacted, who is missed, who is bothered for nothing.

Contact rates are compared by the four-fifths rule (US Uniform Guidelines on Employee Selection Procedures, 1978, 29 CFR
1607.4 D): a group's rate should be at least 0.8 of the highest. Shares have Wilson intervals, ratios the interval of the
logarithm (Katz et al. 1978).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from churn.decisions.checks import finite
from churn.decisions.experiment import normal_quantile, wilson

FOUR_FIFTHS = 0.8
LEAST_CUSTOMERS = 100  # of a group, below which nothing is said about it

Verdict = Literal["reference", "alike", "unclear", "below", "too few"]


@dataclass(frozen=True)
class Share:
    """`hits` of `n`, with its 95 % interval; `value` is None of nobody."""

    hits: int
    n: int
    value: float | None
    low: float | None
    high: float | None

    @classmethod
    def of(cls, hits: int, n: int) -> Share:
        """Return the share with its Wilson interval."""
        if n == 0:
            return cls(hits, n, None, None, None)
        low, high = wilson(hits, n)
        return cls(hits, n, hits / n, low, high)


@dataclass(frozen=True)
class GroupTreatment:
    """One group. `recall`: churners contacted; `false_positive_rate`: stayers contacted; `ratio` of contact rates to the highest.

    `below`: the ratio's whole interval is under 0.8; `unclear`: the ratio is, the interval reaches over it.
    """

    group: str
    customers: int
    contact_rate: Share
    recall: Share
    false_positive_rate: Share
    ratio: float | None
    ratio_interval: tuple[float, float] | None
    verdict: Verdict


def treatment_by_group(groups: Sequence[str], churned: ArrayLike, contacted: ArrayLike) -> list[GroupTreatment]:
    """Return one entry per group, the largest first; `groups`, `churned` and `contacted` are (n,), the latter two 0/1.

    The reference is the group with the highest contact rate among those with enough customers. Raises DataError for a
    value that is not finite.
    """
    names = np.asarray(groups, dtype=object)
    y, c = finite("churned", churned) > 0, finite("contacted", contacted) > 0
    counted = []
    for name in sorted(set(groups)):
        mine = names == name
        counted.append(
            (
                str(name),
                int(mine.sum()),
                Share.of(int((mine & c).sum()), int(mine.sum())),
                Share.of(int((mine & c & y).sum()), int((mine & y).sum())),
                Share.of(int((mine & c & ~y).sum()), int((mine & ~y).sum())),
            )
        )
    large = [group for group in counted if group[1] >= LEAST_CUSTOMERS]
    best = max(large, key=lambda group: (group[2].value or 0.0, group[1]), default=None)
    treatments = []
    for name, count, contact, recall, mistaken in counted:
        ratio, ends = _ratio(contact, best[2]) if best is not None else (None, None)
        verdict = _verdict(count, ratio, ends, is_best=best is not None and best[0] == name)
        treatments.append(GroupTreatment(name, count, contact, recall, mistaken, ratio, ends, verdict))
    return sorted(treatments, key=lambda treatment: (-treatment.customers, treatment.group))


def _ratio(mine: Share, best: Share) -> tuple[float | None, tuple[float, float] | None]:
    if not best.hits or not mine.n or mine.value is None or best.value is None:
        return None, None
    ratio = mine.value / best.value
    hits = mine.hits or 0.5  # a group in which nobody was contacted still has an upper bound
    spread = math.sqrt(max(1 / hits - 1 / mine.n, 0.0) + max(1 / best.hits - 1 / best.n, 0.0))
    middle, reach = math.log((hits / mine.n) / best.value), normal_quantile(0.95) * spread
    return ratio, (math.exp(middle - reach) if mine.hits else 0.0, math.exp(middle + reach))


def _verdict(count: int, ratio: float | None, ends: tuple[float, float] | None, *, is_best: bool) -> Verdict:
    if count < LEAST_CUSTOMERS:
        return "too few"
    if is_best or ratio is None or ends is None:
        return "reference"
    if ratio >= FOUR_FIFTHS:
        return "alike"
    return "below" if ends[1] < FOUR_FIFTHS else "unclear"
