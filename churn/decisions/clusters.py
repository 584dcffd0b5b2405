"""Intervals for arms that were assigned as whole groups, such as stores: customers of one group are alike, so groups are what was drawn.

Variances are those of group totals around what their size would bring (linearised ratio means), each arm's corrected by its
number of groups; degrees of freedom are Welch's over groups.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import special

from churn.decisions.checks import Bools, Floats
from churn.decisions.experiment import Effect


@dataclass(frozen=True)
class GroupedMean:
    """The mean of an arm over customers; `variance` is that of the mean as groups were drawn, `groups` how many."""

    mean: float
    variance: float
    groups: int


def grouped_mean(values: Floats, groups: NDArray[np.int64]) -> GroupedMean:
    """Return the mean of `values` (n,) of one arm and its variance over `groups` (n,); endless where there is one group."""
    mean = float(values.mean())
    _, codes = np.unique(groups, return_inverse=True)
    off = np.bincount(codes, weights=values - mean)
    count = off.size
    if count < 2:
        return GroupedMean(mean, math.inf, count)
    return GroupedMean(mean, float(off @ off) * count / (count - 1) / values.size**2, count)


def grouped_quantile(parts: list[GroupedMean], weights: list[float], confidence: float) -> tuple[float, float]:
    """Return the standard error of a weighted sum of independent means, and the t quantile that belongs to it."""
    squares = np.array([weight**2 * part.variance for weight, part in zip(weights, parts, strict=True)])
    freedom = np.array([max(part.groups - 1, 1) for part in parts])
    total = float(squares.sum())
    if not math.isfinite(total):
        return math.inf, 1.0
    if total == 0.0:
        return 0.0, 0.0
    return math.sqrt(total), float(
        special.stdtrit(total**2 / float(np.sum(squares**2 / freedom)), 0.5 + confidence / 2)
    )


def effect_of_groups(effect: Effect, lost: Floats, treated: Bools, groups: NDArray[np.int64]) -> Effect:
    """Return `effect`, computed as if customers had been drawn one by one, with an interval over `groups` (n,).

    `lost` (n,) is 1 for whom the arms are to be compared by. The interval is never narrower than the one given, for groups may be
    fewer than it takes to see how alike their customers are; so the p-value is the larger of both.
    """
    parts = [grouped_mean(lost[rows], groups[rows]) for rows in (~treated, treated)]
    error, quantile = grouped_quantile(parts, [1.0, -1.0], effect.confidence)
    half = quantile * error
    squares = np.array([part.variance for part in parts])
    p_value = 1.0
    if 0.0 < error < math.inf:
        freedom = float(squares.sum()) ** 2 / float(np.sum(squares**2 / np.array([part.groups - 1 for part in parts])))
        p_value = 2.0 * float(special.stdtr(freedom, -abs(effect.delta) / error))
    elif error == 0.0:
        p_value = effect.p_value
    return replace(
        effect,
        low=max(min(effect.low, effect.delta - half), -1.0),
        high=min(max(effect.high, effect.delta + half), 1.0),
        p_value=max(effect.p_value, p_value),
        method="groups",
    )


def design_effect(values: Floats, treated: Bools, groups: NDArray[np.int64]) -> float:
    """Return by how much groups make the variance of the difference larger than customers drawn one by one would, at least 1."""
    grouped = plain = 0.0
    for rows in (treated, ~treated):
        part = grouped_mean(values[rows], groups[rows])
        grouped += part.variance
        plain += float(values[rows].var(ddof=1)) / int(rows.sum()) if int(rows.sum()) > 1 else math.inf
    return max(grouped / plain, 1.0) if plain > 0.0 else 1.0
