"""What contacting the treated is expected to bring, and how sure that is: drawn success, value, probabilities and luck."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

import numpy as np

from churn.campaigns.offer_effect import OfferEffect
from churn.config import BusinessSettings, ProfitModel
from churn.decisions.checks import Floats
from churn.decisions.draws import draw_success
from churn.decisions.profit import ALIKE, CustomerTerms, Economics, averaged
from churn.decisions.sensitivity import DrawnRange, interval_of
from churn.documents.definition import CampaignDefinition

BINS = 40
VALUE_RANGE = (0.8, 1.2)  # of a save, as churn simulate takes it


def economics_of(
    definition: CampaignDefinition,
    business: BusinessSettings,
    profit_model: ProfitModel,
    terms: CustomerTerms = ALIKE,
) -> Economics:
    """Return the offer's terms as decisions compute with them, under `profit_model`.

    Where a term is a formula it is the mean of what `terms` hold for the customers.
    """
    offer = definition.offer

    def number(term: Decimal | float | str, otherwise: float = 0.0) -> float:
        return otherwise if isinstance(term, str) else float(term)

    rate = number(offer.success_rate_expected, offer.success_rate_low)
    return averaged(
        Economics(
            profit_model=profit_model,
            contact_cost=number(offer.contact_cost),
            incentive_cost=number(offer.incentive_cost),
            success_rate=rate,
            success_rate_low=offer.success_rate_low,
            success_rate_high=offer.success_rate_high,
            value_months=business.value_months,
            hazard_after_save=business.hazard_after_save,
            discount_rate=business.discount_rate,
        ),
        terms,
    )


@dataclass(frozen=True)
class Treated:
    """The treated of one campaign, shape (n,) each: churn probability, churn avoided by contact, value of a save.

    `terms` are theirs where costs or success differ by customer, `effect` is what the offer does where it acts by cause.

    Where the churn avoided was measured, `effect_error` is the standard error of its mean, as a share of customers;
    None where it is the success rate times the probability, whose error is the range of the success rate.
    """

    probability: Floats
    avoided: Floats
    value: Floats
    economics: Economics
    effect_error: float | None = None
    terms: CustomerTerms = ALIKE
    effect: OfferEffect | None = None

    @property
    def saves(self) -> float:
        """Customers expected to stay because of the contact."""
        return float(self.avoided.sum())

    @property
    def cost(self) -> float:
        """Money expected to be spent: contacts, and incentives for those who take them."""
        fixed, taker = self.economics.costs(self.terms)
        takers = 1.0 - self.probability + self.avoided
        return float(np.sum(np.broadcast_to(fixed, takers.shape))) + float(np.sum(taker * takers))

    @property
    def profit(self) -> float:
        """Net profit expected."""
        return float(np.sum(self.avoided * self.value)) - self.cost


def draw_profit(campaigns: list[Treated], *, probability_error: float, draws: int, seed: int) -> tuple[Floats, ...]:
    """Return net profits drawn, shape (draws,), one array per campaign; drawn together, so that sums are right.

    Drawn alike for all: the value of a save (triangular, 20 % either way) and the level of the probabilities (normal,
    `probability_error` as a share). Per campaign: the success rate (Beta through low, expected, high), the measured effect
    (normal) or the numbers of an offer that acts by cause (normal, together), and luck: who churns and who is saved are binomial in 40 bins of the avoided churn.
    """
    rng = np.random.default_rng(seed)
    worth = rng.triangular(VALUE_RANGE[0], 1.0, VALUE_RANGE[1], draws)
    level = np.maximum(1.0 + probability_error * rng.standard_normal(draws), 0.0)
    return tuple(_draw(campaign, worth, level, rng) for campaign in campaigns)


def interval(drawn: Floats) -> tuple[DrawnRange, float]:
    """Return the 5 %, 50 % and 95 % points of drawn profits, and the share of them below 0."""
    return interval_of(drawn), float(np.mean(drawn < 0.0))


def _draw(treated: Treated, worth: Floats, level: Floats, rng: np.random.Generator) -> Floats:
    n, draws, terms = treated.probability.size, worth.size, treated.economics
    if not n:
        return np.zeros(draws)
    order = np.argsort(treated.avoided, kind="stable")
    edges = np.unique(np.linspace(0, n, BINS + 1).astype(np.int64))[:-1]
    size = np.diff(np.append(edges, n))

    def mean(values: Floats) -> Floats:
        return np.asarray(np.add.reduceat(values[order], edges) / size, dtype=np.float64)

    fixed, taker = (np.broadcast_to(cost, (n,)) for cost in terms.costs(treated.terms))
    per_taker = mean(taker)
    probability, avoided, value = mean(treated.probability), mean(treated.avoided), mean(treated.value)
    weighted = mean(treated.avoided * treated.value) / np.where(avoided > 0, avoided, 1.0)
    value = np.where(avoided > 0, weighted, value)
    if treated.effect is not None and treated.effect_error is None:
        design = np.add.reduceat(treated.effect.design[order], edges, axis=0) / size[:, None]
        effect = treated.effect.belief.draw(draws, rng) @ design.T * level[:, None]
        expected = np.clip(probability * level[:, None], 0.0, 1.0)
        churners = rng.binomial(size, expected)
        kept = rng.binomial(churners, np.clip(effect / np.where(expected > 0, expected, 1.0), 0.0, 1.0))
        saves = kept - rng.binomial(size - churners, np.clip(-effect, 0.0, 1.0))  # harm drives stayers away
        takers = (size - churners + saves) @ per_taker
    elif treated.effect_error is None:
        rate = draw_success(terms, draws, rng) / terms.success_rate if terms.success_rate > 0 else np.ones(draws)
        churners = rng.binomial(size, np.clip(probability * level[:, None], 0.0, 1.0))
        share = avoided / np.where(probability > 0, probability, 1.0)
        saves = rng.binomial(churners, np.clip(share * rate[:, None], 0.0, 1.0))
        takers = (size - churners + saves) @ per_taker
    else:  # the effect as drawn may be harm: then customers are lost by contact
        effect = avoided + treated.effect_error * rng.standard_normal((draws, 1))
        saves = np.sign(effect) * rng.binomial(size, np.clip(np.abs(effect), 0.0, 1.0))
        takers = np.zeros(draws)  # in money; the uplift model's cost of an incentive is part of its contact
    gain = (saves * value).sum(axis=1) * worth
    return np.asarray(gain - fixed.sum() - takers, dtype=np.float64)
