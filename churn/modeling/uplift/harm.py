"""Groups of customers whom contact drives away, told as rules: found on one half of a campaign, confirmed on the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from churn.decisions.experiment import Effect, holm, newcombe
from churn.documents.uplift import GroupRule, HarmedGroup
from churn.modeling.encoding.columns import Floats, categories, kind_of, numbers

Bools = NDArray[np.bool_]

PREDICTED: Final = "predicted_uplift"
_CUTS: Final = (0.25, 0.5, 0.75)
_MIN_SHARE = 0.03  # smaller groups cannot prove anything on half of a campaign
_MAX_LEVELS = 30
_MOST_TRIED: Final = 8  # on the second half: each further one makes all others harder to confirm
_CONFIDENCE = 0.95


@dataclass(frozen=True)
class Rule:
    """A group of customers: a feature from `low` (included) to `high` (excluded), or of one `level`; None is open.

    Of `predicted_uplift` the feature is the model's own prediction.
    """

    feature: str
    low: float | None = None
    high: float | None = None
    level: str | None = None

    def covers(self, frame: pl.DataFrame, uplift: Floats) -> Bools:
        """Return who belongs to the group, (n,); a missing number belongs to none."""
        if self.level is not None:
            return (categories(frame, self.feature) == self.level).to_numpy()
        values = uplift if self.feature == PREDICTED else numbers(frame, self.feature)
        result = np.isfinite(values)
        with np.errstate(invalid="ignore"):
            if self.low is not None:
                result &= values >= self.low
            if self.high is not None:
                result &= values < self.high
        return np.asarray(result)

    @property
    def text(self) -> str:
        """The rule in words."""
        name = self.feature.replace("_", " ")
        if self.level is not None:
            return f"{name} is {self.level}"
        if self.low is None:
            return f"{name} below {self.high:.4g}"
        return f"{name} of {self.low:.4g} or more" + ("" if self.high is None else f" and below {self.high:.4g}")


@dataclass(frozen=True)
class HarmfulGroup:
    """A confirmed group: its rule, its effect in the half that found it and in the half that confirmed it.

    Effects are shares of customers kept, so below 0. `p_value` is the confirming half's, corrected for all groups tried.
    """

    rule: Rule
    customers: int
    share: float
    found: tuple[float, float, float]  # effect, low, high
    confirmed: tuple[float, float, float]
    p_value: float

    def document(self) -> HarmedGroup:
        """Return the group as documents and bundles keep it."""
        rule = self.rule
        return HarmedGroup(
            rule=GroupRule(feature=rule.feature, low=rule.low, high=rule.high, level=rule.level),
            customers=self.customers,
            share=self.share,
            found=self.found,
            confirmed=self.confirmed,
            p_value=self.p_value,
            text=rule.text,
        )

    @staticmethod
    def of(kept: HarmedGroup) -> HarmfulGroup:
        """Return the group that was kept as `kept`."""
        rule = Rule(kept.rule.feature, kept.rule.low, kept.rule.high, kept.rule.level)
        return HarmfulGroup(rule, kept.customers, kept.share, kept.found, kept.confirmed, kept.p_value)


@dataclass(frozen=True)
class HarmSearch:
    """What came of the search: how many groups were looked at, how many looked harmful in one half, which were confirmed."""

    looked_at: int
    suspected: int
    groups: tuple[HarmfulGroup, ...]


def find_harm(
    frame: pl.DataFrame,
    features: Sequence[str],
    stayed: Floats,
    treated: Bools,
    uplift: Floats,
    *,
    seed: int,
) -> HarmSearch:
    """Look for groups in which those contacted left more often, on one half of the customers, and confirm on the other.

    `uplift` (n,) are predictions for customers the model did not see. Groups: quarters of each number, each common
    value of each category, and the lowest tenth and fifth by predicted uplift. Suspected: the whole 95 % interval of
    Newcombe (1998) lies below 0. Confirmed: so again, and after Holm's correction (1979) for all those suspected.
    """
    half = _halves(treated, seed)
    rules = _rules(frame, features, uplift)
    members = [(rule, rule.covers(frame, uplift)) for rule in rules]
    suspects: list[tuple[Effect, Rule, Bools]] = []
    for rule, inside in members:
        effect = _effect(stayed, treated, inside & half)
        if effect is not None and effect.is_harmful:
            suspects.append((effect, rule, inside))
    suspects = sorted(suspects, key=lambda suspect: suspect[0].p_value)[:_MOST_TRIED]
    again = [_effect(stayed, treated, inside & ~half) for _, _, inside in suspects]
    tested = [i for i, effect in enumerate(again) if effect is not None]
    corrected = holm([_p_value(again[i]) for i in tested]) if tested else ()
    groups = []
    for i, p_value in zip(tested, corrected, strict=True):
        effect, (first, rule, inside) = again[i], suspects[i]
        if effect is not None and effect.is_harmful and p_value < 1.0 - _CONFIDENCE:
            size = int(inside.sum())
            groups.append(HarmfulGroup(rule, size, size / len(inside), _span(first), _span(effect), float(p_value)))
    return HarmSearch(len(rules), len(suspects), tuple(groups))


def harmed_by(groups: Sequence[HarmfulGroup], frame: pl.DataFrame, uplift: Floats) -> pl.Series:
    """Return for each customer the rule of the first group they belong to, in words; null for those in none."""
    reason: list[str | None] = [None] * frame.height
    for group in groups:
        for row in np.flatnonzero(group.rule.covers(frame, uplift)):
            reason[row] = reason[row] or group.rule.text
    return pl.Series("reason", reason, dtype=pl.String)


def _halves(treated: Bools, seed: int) -> Bools:
    rng = np.random.default_rng(seed)
    half = np.zeros(treated.size, dtype=np.bool_)
    for arm in (treated, ~treated):
        rows = rng.permutation(np.flatnonzero(arm))
        half[rows[: rows.size // 2]] = True
    return half


def _rules(frame: pl.DataFrame, features: Sequence[str], uplift: Floats) -> list[Rule]:
    rules = [Rule(PREDICTED, high=float(np.quantile(uplift, share))) for share in (0.1, 0.2)]
    for feature in features:
        if kind_of(frame[feature]) == "category":
            rules += _levels(frame, feature)
            continue
        values = numbers(frame, feature)
        known = values[np.isfinite(values)]
        if known.size == 0:
            continue
        cuts = [float(c) for c in np.unique(np.quantile(known, _CUTS)) if known.min() < c]
        ends: list[float | None] = [None, *cuts, None]
        rules += [Rule(feature, low, high) for low, high in pairwise(ends) if cuts]
    return rules


def _levels(frame: pl.DataFrame, feature: str) -> list[Rule]:
    counts = categories(frame, feature).value_counts(sort=True).rows()
    common = [str(level) for level, count in counts[:_MAX_LEVELS] if count >= _MIN_SHARE * frame.height]
    return [Rule(feature, level=level) for level in sorted(common)] if len(counts) > 1 else []


def _effect(stayed: Floats, treated: Bools, rows: Bools) -> Effect | None:
    contacted, alone = stayed[rows & treated], stayed[rows & ~treated]
    if min(contacted.size, alone.size) < 20 or rows.sum() < _MIN_SHARE * rows.size / 2:
        return None
    lost = (int(contacted.size - contacted.sum()), int(alone.size - alone.sum()))
    return newcombe(lost[0], contacted.size, lost[1], alone.size, _CONFIDENCE)


def _p_value(effect: Effect | None) -> float:
    return 1.0 if effect is None or effect.delta >= 0 else effect.p_value


def _span(effect: Effect) -> tuple[float, float, float]:
    return (effect.delta, effect.low, effect.high)
