"""What contacting a customer is expected to bring on the terms that a campaign's file has now, from the score alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from churn.campaigns.expectation import economics_of
from churn.campaigns.offer_effect import offer_effect
from churn.decisions.checks import Floats
from churn.decisions.effect import Evidence
from churn.decisions.profit import ALIKE, CustomerTerms, value_contacts

if TYPE_CHECKING:
    from churn.config import BusinessSettings
    from churn.documents.definition import CampaignDefinition


def profit_on_terms(
    definition: CampaignDefinition,
    business: BusinessSettings,
    probability: Floats,
    *,
    involuntary: Floats | None,
    margin: Floats,
    months: Floats | None = None,
    evidence: Sequence[Evidence] = (),
) -> Floats | None:
    """Return the expected profit of each customer (n,) by risk; None where the file asks for more than the score holds.

    `involuntary` is the part of each probability that failed payments cause, `months` what a save is worth in months of
    `margin` where that is known, `evidence` what measured rounds taught of the offer. More is asked for by a term that is SQL over features, which a plan evaluates, and by an
    offer that acts by causes where these are not known.
    """
    offer = definition.offer
    if offer.formulas or (offer.success is not None and involuntary is None):
        return None
    terms = economics_of(definition, business, offer.risk_based_model)
    value = terms.value_of_save(margin)
    if business.value == "survival" and months is not None:
        value = np.where(np.isfinite(months), margin * months, value)
    if offer.value_of_save is not None and not isinstance(offer.value_of_save, str):
        value = np.full(margin.shape, float(offer.value_of_save))
    effect = offer_effect(
        offer, evidence, probability, np.zeros_like(probability) if involuntary is None else involuntary, ALIKE
    )
    by_cause = ALIKE if effect is None else CustomerTerms(avoided=effect.avoided)
    return value_contacts(probability, value, terms, by_cause).profit
