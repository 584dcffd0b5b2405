"""What an offer does to each customer, by cause: the file's rates and harm, or what campaigns have taught of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from churn.decisions.checks import Floats
from churn.decisions.effect import Belief, Evidence, RangePrior, believe
from churn.decisions.profit import CustomerTerms, Economics
from churn.decisions.recalibration import Recalibration
from churn.documents.definition import Offer, RateRange
from churn.documents.plan import BelievedRate

HARM: Final = "harm"
ALL_CHURN: Final = "all"  # the single rate of an offer that does not tell the causes apart
_SCALED: Final = " x "


@dataclass(frozen=True)
class Taught:
    """What measured rounds taught: of an offer the evidence of its numbers, of the model how far its probabilities are off.

    `recalibration` is None where outcomes do not tell that well enough. `kept` is the share of the file's rates to begin with, by the
    outcomes of other offers.
    """

    evidence: Sequence[Evidence] = ()
    recalibration: Recalibration | None = None
    kept: float = 1.0

    @property
    def pieces(self) -> Sequence[Evidence]:
        """The evidence of numbers that act on the probabilities as they are counted with."""
        return self.evidence if self.recalibration is None else [piece.recalibrated() for piece in self.evidence]

    def factor(self, probability: Floats, involuntary: Floats) -> Floats:
        """Return what each probability (n,) and its parts are multiplied by; `involuntary` is NaN where the model knows no causes."""
        if self.recalibration is None:
            return np.ones(probability.size)
        return self.recalibration.factor(probability, np.nan_to_num(involuntary))


NOTHING_TAUGHT: Final = Taught()


@dataclass(frozen=True)
class OfferEffect:
    """What contact does to customers: the belief in the offer's numbers, and the factors of each customer, (n, k)."""

    belief: Belief
    design: Floats
    probability: Floats

    @property
    def avoided(self) -> Floats:
        """Churn avoided by contact, (n,): signed, and never more than there is."""
        return np.asarray(np.minimum(self.belief.avoided(self.design), self.probability))

    @property
    def most_avoided(self) -> Floats:
        """Churn avoided where every number lies at the good end of its range, (n,): the file's before anything is measured."""
        numbers = self.belief.numbers
        best = np.array([number.high if number.prior.is_rate else number.low for number in numbers])
        if not self.belief.measured:
            stated = [number.prior.high if number.prior.is_rate else number.prior.low for number in numbers]
            best = np.where(
                [number.prior.is_rate for number in numbers], np.maximum(best, stated), np.minimum(best, stated)
            )
        return np.asarray(np.minimum(self.design @ best, self.probability))

    def of(self, rows: np.ndarray) -> OfferEffect:
        """Return the effect on some of the customers."""
        return OfferEffect(self.belief, self.design[rows], self.probability[rows])

    def within(self, economics: Economics) -> Economics:
        """Return `economics` with the success rate, and its range, that this effect comes to among these customers."""
        churners = float(self.probability.sum())
        if not churners:
            return economics
        rate = float(self.avoided.sum()) / churners
        spread = 1.645 * self.belief.error(self.design) * len(self.design) / churners
        low, middle, high = (float(np.clip(at, 0.0, 1.0)) for at in (rate - spread, rate, rate + spread))
        return replace(economics, success_rate=middle, success_rate_low=low, success_rate_high=high)


def priors_of(offer: Offer) -> tuple[RangePrior, ...]:
    """Return the numbers of an offer as its file has them; none where its single success rate is a formula.

    A rate that is scaled carries the modifier in its key: what was learnt of one modifier says nothing of another.
    """
    priors: list[RangePrior] = []
    if offer.success is not None:
        for cause, stated in (("voluntary", offer.success.voluntary), ("involuntary", offer.success.involuntary)):
            if stated is not None:
                priors.append(RangePrior(_key(cause, stated), stated.low, stated.expected, stated.high))
    elif isinstance(offer.success_rate_expected, str):
        return ()
    else:
        priors.append(
            RangePrior(ALL_CHURN, offer.success_rate_low, offer.success_rate_expected, offer.success_rate_high)
        )
    if (harm := offer.harm_range) is not None:
        priors.append(RangePrior(HARM, harm.low, harm.expected, harm.high, is_rate=False))
    return tuple(priors)


def _key(cause: str, stated: RateRange) -> str:
    return cause if stated.scaled_by is None else f"{cause}{_SCALED}{stated.scaled_by}"


def parts_of(offer: Offer, probability: Floats, involuntary: Floats, terms: CustomerTerms) -> tuple[Floats, Floats]:
    """Return what the rates of an offer act on, (n,) each: the probability of each cause, scaled by its modifier.

    Of an offer that does not tell the causes apart the first is the whole probability.
    """
    if offer.success is None:
        return probability, np.zeros(probability.size)

    def scaled(part: Floats, modifier: Floats | None) -> Floats:
        return part if modifier is None else part * modifier

    return scaled(probability - involuntary, terms.voluntary_modifier), scaled(involuntary, terms.involuntary_modifier)


def design_of(offer: Offer, first: Floats, second: Floats) -> Floats:
    """Return the factors of an offer's numbers, (n, k), from its parts (see `parts_of`), in the order of `priors_of`."""
    columns: list[Floats] = []
    if offer.success is None:
        columns.append(first)
    else:
        columns += [first] if offer.success.voluntary is not None else []
        columns += [second] if offer.success.involuntary is not None else []
    if offer.harm_range is not None:
        columns.append(-np.ones(first.size))
    return np.column_stack(columns)


def offer_effect(
    offer: Offer, taught: Taught, probability: Floats, involuntary: Floats, terms: CustomerTerms
) -> OfferEffect | None:
    """Return what the offer does to customers (n,); None for a single success rate of which nothing was learnt."""
    priors = priors_of(offer)
    belief = believe(priors, taught.pieces, taught.kept) if priors else None
    is_as_stated = belief is not None and not belief.measured and belief.kept == 1.0
    if belief is None or (offer.success is None and offer.harm is None and is_as_stated):
        return None
    return OfferEffect(belief, design_of(offer, *parts_of(offer, probability, involuntary, terms)), probability)


def believed_rates(belief: Belief) -> tuple[BelievedRate, ...]:
    """Return the belief as documents hold it."""
    rates = []
    for number in belief.numbers:
        acts_on, _, scaled_by = number.key.partition(_SCALED)
        rates.append(
            BelievedRate(
                acts_on=acts_on,
                scaled_by=scaled_by or None,
                expected=round(number.mean, 6),
                low=round(number.low, 6),
                high=round(number.high, 6),
                file_expected=number.prior.expected,
                file_low=number.prior.low,
                file_high=number.prior.high,
                rounds=belief.measured,
            )
        )
    return tuple(rates)
