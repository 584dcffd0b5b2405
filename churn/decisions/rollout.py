"""What contacting everybody, nobody or some of an experiment's customers brings, and which of them to roll out.

Each customer of an experiment has a net amount: what they brought less what their contact cost. Arms are compared as
assigned. A policy is a set of customers to contact, chosen without looking at their own outcomes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray
from scipy import special

from churn.decisions.checks import Bools, Floats
from churn.decisions.clusters import GroupedMean, grouped_mean, grouped_quantile
from churn.decisions.experiment import SAMPLE_RATIO_ALPHA, Effect, normal_quantile, require_arms

ExperimentVerdict = Literal["split_broken", "harms", "no_proof", "works"]
Advice = Literal["contact_nobody", "contact_everybody", "contact_some", "find_the_fault"]
SplitState = Literal["as_planned", "suspicious", "broken", "not_checked"]

SAMPLE_RATIO_WARNING: Final = 0.01  # below it the split is doubtful; below SAMPLE_RATIO_ALPHA it is broken
LEAST_OF_AN_ARM: Final = 25  # among those a policy contacts: with fewer their spread cannot be told


@dataclass(frozen=True)
class RolloutEstimate:
    """A sum or a difference in money (or in outcomes where no money was named), with its interval."""

    value: float
    low: float
    high: float

    def times(self, factor: float) -> RolloutEstimate:
        """Return the same for `factor` times as many customers."""
        return RolloutEstimate(self.value * factor, self.low * factor, self.high * factor)


@dataclass(frozen=True)
class PolicyWorth:
    """What a policy comes to on the customers it was judged on.

    `total` is what they bring under the policy, `gain` the difference from contacting nobody, `over_everybody` that from
    contacting everybody. `is_judged`: those contacted hold enough customers of both arms, whose amounts differ; where seven
    customers brought nothing alike no interval knows anything. `is_compared`: so do those left alone.
    """

    customers: int
    contacted: int
    total: RolloutEstimate
    gain: RolloutEstimate
    over_everybody: RolloutEstimate
    is_judged: bool
    is_compared: bool


def worth_by_groups(
    net: Floats, treated: Bools, groups: NDArray[np.int64], *, is_everybody: bool, confidence: float = 0.95
) -> PolicyWorth:
    """Return what contacting everybody, or nobody, is worth where arms were assigned as whole `groups` (n,), see `clusters`.

    Intervals are those of groups drawn, and never narrower than those of customers drawn one by one.
    """
    plain = policy_worth(net, treated, np.full(net.size, is_everybody), confidence)
    parts = {arm: grouped_mean(net[treated == arm], groups[treated == arm]) for arm in (True, False)}
    both = [parts[True], parts[False]]
    more = _by_groups(both, [net.size, -net.size], confidence)
    return replace(
        plain,
        total=_wider(plain.total, _by_groups([parts[is_everybody]], [net.size], confidence)),
        gain=_wider(plain.gain, more) if is_everybody else plain.gain,
        over_everybody=plain.over_everybody if is_everybody else _wider(plain.over_everybody, more.times(-1.0)),
    )


def _by_groups(parts: list[GroupedMean], weights: list[float], confidence: float) -> RolloutEstimate:
    value = sum(weight * part.mean for weight, part in zip(weights, parts, strict=True))
    error, quantile = grouped_quantile(parts, weights, confidence)
    return RolloutEstimate(value, value - quantile * error, value + quantile * error)


def _wider(plain: RolloutEstimate, grouped: RolloutEstimate) -> RolloutEstimate:
    low, high = sorted((grouped.low, grouped.high))
    return RolloutEstimate(plain.value, min(plain.low, low), max(plain.high, high))


def policy_worth(
    net: Floats,
    treated: Bools,
    contacted: Bools,
    confidence: float = 0.95,
    *,
    strata: NDArray[np.int64] | None = None,
) -> PolicyWorth:
    """Return what contacting `contacted` (n,) is worth, by `net` (n,), the net amount of each customer as assigned.

    Those to be contacted are worth what the treated among them brought, the others what the untreated among them did;
    both arms are random within each, so the estimates are unbiased. Where the split was drawn within `strata` (n,) arms are
    random within each of them alone, and each is a part. Intervals: Welch, over the parts together.
    Raises CampaignError where an arm has fewer than 2 customers.
    """
    require_arms(int(treated.sum()), int((~treated).sum()), least=2)
    alone = ~contacted
    inside, outside = int(contacted.sum()), int(alone.sum())
    drawn = [np.ones(net.size, dtype=np.bool_)] if strata is None else [strata == code for code in np.unique(strata)]

    def parts(sign: float, people: Bools, arm: Bools) -> list[tuple[float, Floats]]:
        return [(sign * int((people & rows).sum()), net[people & rows & arm]) for rows in drawn]

    return PolicyWorth(
        customers=net.size,
        contacted=inside,
        total=_sum_of_means(parts(1, contacted, treated) + parts(1, alone, ~treated), confidence),
        gain=_sum_of_means(parts(1, contacted, treated) + parts(-1, contacted, ~treated), confidence),
        over_everybody=_sum_of_means(parts(1, alone, ~treated) + parts(-1, alone, treated), confidence),
        is_judged=inside == 0 or _is_told(net, treated, contacted),
        is_compared=outside == 0 or _is_told(net, treated, alone),
    )


def _is_told(net: Floats, treated: Bools, rows: Bools) -> bool:
    """Whether both arms of `rows` are large enough, and vary, so that an interval means something."""
    arms = [net[rows & treated], net[rows & ~treated]]
    return all(arm.size >= LEAST_OF_AN_ARM and arm.min() < arm.max() for arm in arms)


def _sum_of_means(parts: Sequence[tuple[float, Floats]], confidence: float) -> RolloutEstimate:
    """Return the sum of weight times mean over `parts`, with its interval; a part that nobody is in counts nothing.

    Where an arm of a part is too small to have a spread nothing is known: the interval is endless.
    """
    held = [(weight, values) for weight, values in parts if weight]
    if not held:
        return RolloutEstimate(0.0, 0.0, 0.0)
    if any(values.size == 0 for _, values in held):
        return RolloutEstimate(math.nan, -math.inf, math.inf)
    value = float(sum(weight * values.mean() for weight, values in held))
    if any(values.size < 2 for _, values in held):
        return RolloutEstimate(value, -math.inf, math.inf)
    squares = np.array([weight**2 * values.var(ddof=1) / values.size for weight, values in held])
    total = float(squares.sum())
    below = float(np.sum(squares**2 / np.array([values.size - 1 for _, values in held])))
    if total <= 0 or below <= 0:
        return RolloutEstimate(value, value, value)
    quantile = float(special.stdtrit(total**2 / below, 0.5 + confidence / 2))
    half = max(quantile, normal_quantile(confidence)) * math.sqrt(total)
    return RolloutEstimate(value, value - half, value + half)


def split_state(p_value: float | None) -> SplitState:
    """Return what the p-value of the sample-ratio test says of the split; None: no share was planned to hold it to."""
    if p_value is None:
        return "not_checked"
    if p_value < SAMPLE_RATIO_ALPHA:
        return "broken"
    return "suspicious" if p_value < SAMPLE_RATIO_WARNING else "as_planned"


@dataclass(frozen=True)
class Conclusion:
    """What an experiment says, and what to do."""

    verdict: ExperimentVerdict
    advice: Advice


def conclude(
    split: SplitState,
    effect: Effect,
    everybody: PolicyWorth,
    some: PolicyWorth | None,
    *,
    has_money: bool,
    is_doubtful: bool = False,
) -> Conclusion:
    """Return the verdict and the advice. Order: broken split, harm, no proof, works.

    Harm on average means that nobody is contacted, whatever a policy promises. Everybody is contacted where the effect
    is proven and, if money was named, its gain too. `some` is contacted where its gain, out of fold, is proven and it is
    proven better than everybody, or everybody does not pay. `has_money`: a value or a cost was named. `is_doubtful`: the arms
    differ in a column by which the proven effect is none, so that it may come from whom the treatment was given to.
    """
    if split == "broken":
        return Conclusion("split_broken", "find_the_fault")
    if effect.is_harmful:
        return Conclusion("harms", "contact_nobody")
    if is_doubtful:
        return Conclusion("no_proof", "contact_nobody")
    pays = effect.is_proven and (everybody.gain.low > 0.0 or not has_money)
    some_pay = some is not None and some.is_judged and 0 < some.contacted < some.customers and some.gain.low > 0.0
    if some is not None and some_pay and (not pays or (some.is_compared and some.over_everybody.low > 0.0)):
        return Conclusion("works", "contact_some")
    if pays:
        return Conclusion("works", "contact_everybody")
    return Conclusion("works" if effect.is_proven else "no_proof", "contact_nobody")
