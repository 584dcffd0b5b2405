"""Compares what was known of both arms: a column in which they differ beyond chance was made, or changed, by contact."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from churn.decisions.experiment import holm
from churn.modeling.encoding.columns import Floats, categories, kind_of, numbers

_SUSPICIOUS = 0.001  # corrected for the number of columns
_MOST_LEVELS = 50
_TENTHS = np.linspace(0.1, 0.9, 9)
_GROUPS_OF_AN_ARM = 2  # values of one arm alone that show whole groups: a word such as "mail" is the treatment itself
_OF_A_GROUP = 5  # customers to a value on average, of which one or two are in one arm by chance


@dataclass(frozen=True)
class Imbalance:
    """A column that differs between the arms; `p_value` is corrected for all columns compared.

    `is_whole`: each of its values has one arm, as where stores were assigned and not their customers.
    """

    feature: str
    p_value: float
    is_whole: bool = False

    @property
    def sentence(self) -> str:
        """What this means, in words."""
        if self.is_whole:
            return (
                f"All customers of one `{self.feature}` are in one arm: whole groups were assigned, and the intervals here, "
                "which take customers as drawn one by one, are too narrow. Give one row for each group, or draw customers."
            )
        return (
            f"`{self.feature}` differs between those contacted and those left alone (p = {self.p_value:.1g}). "
            "If it was known only after the contact, leave it out; if not, the arms were not drawn by chance."
        )


def find_imbalances(frame: pl.DataFrame, features: Sequence[str], treated: NDArray[np.bool_]) -> tuple[Imbalance, ...]:
    """Return the features whose distribution differs between arms beyond chance, the clearest first.

    Numbers: means, with missing values as a column of their own. Categories: chi-square over their common values.
    Corrected by Holm (1979).
    """
    p_values = [_p_value(frame, feature, treated) for feature in features]
    corrected = holm(p_values) if p_values else ()
    imbalances = [
        Imbalance(feature, float(p), is_whole)
        for feature, p in zip(features, corrected, strict=True)
        if (is_whole := _is_assigned_whole(frame[feature], treated)) or p < _SUSPICIOUS
    ]
    return tuple(sorted(imbalances, key=lambda imbalance: (not imbalance.is_whole, imbalance.p_value)))


def alike_in(frame: pl.DataFrame, feature: str) -> NDArray[np.int64]:
    """Return codes (n,) of customers who are alike in a feature: one of its common values, or a tenth of its numbers."""
    if kind_of(frame[feature]) == "category":
        values = categories(frame, feature)
        common = values.value_counts(sort=True).head(_MOST_LEVELS).to_series(0)
        return values.replace_strict(
            common, list(range(len(common))), default=len(common), return_dtype=pl.Int64
        ).to_numpy()
    given = numbers(frame, feature)
    known = given[np.isfinite(given)]
    edges = np.unique(np.quantile(known, _TENTHS)) if known.size else np.empty(0)
    codes = np.searchsorted(edges, np.nan_to_num(given), side="right")
    return np.where(np.isfinite(given), codes, edges.size + 1).astype(np.int64)


def _is_assigned_whole(values: pl.Series, treated: NDArray[np.bool_]) -> bool:
    """Say whether each of the values has one arm, and either arm several values of a number of customers."""
    arms = pl.DataFrame({"value": values, "is_treated": treated}).drop_nulls()
    groups = arms.group_by("value").agg(pl.len().alias("size"), pl.col("is_treated").mean().alias("share"))
    of_arms = [groups.filter(pl.col("share") == share, pl.col("size") > 1).height for share in (1.0, 0.0)]
    is_pure = groups.filter(~pl.col("share").is_in([0.0, 1.0])).is_empty()
    return is_pure and min(of_arms) >= _GROUPS_OF_AN_ARM and arms.height >= _OF_A_GROUP * groups.height


def _p_value(frame: pl.DataFrame, feature: str, treated: NDArray[np.bool_]) -> float:
    if kind_of(frame[feature]) == "category":
        return _chi_square(alike_in(frame, feature), treated)
    values_ = numbers(frame, feature)
    known = np.isfinite(values_)
    both = [_means(values_[known], treated[known]), _chi_square(known.astype(np.int64), treated)]
    return min(1.0, 2 * min(both))


def _chi_square(codes: NDArray[np.int64], treated: NDArray[np.bool_]) -> float:
    from scipy.stats import chi2_contingency

    table = np.array([np.bincount(codes[arm], minlength=int(codes.max()) + 1) for arm in (treated, ~treated)])
    table = table[:, table.sum(axis=0) >= 10]
    if table.shape[1] < 2 or (table.sum(axis=1) == 0).any():
        return 1.0
    return float(chi2_contingency(table).pvalue)


def _means(values: Floats, treated: NDArray[np.bool_]) -> float:
    from scipy.stats import norm

    contacted, alone = values[treated], values[~treated]
    if min(contacted.size, alone.size) < 20:
        return 1.0
    with np.errstate(over="ignore", invalid="ignore"):  # a number too large to square says nothing of the arms
        spread = float(np.sqrt(contacted.var(ddof=1) / contacted.size + alone.var(ddof=1) / alone.size))
        return float(2 * norm.sf(abs(contacted.mean() - alone.mean()) / spread)) if spread > 0 else 1.0
