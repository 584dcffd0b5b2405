"""What contacting a customer is expected to bring on the terms that a campaign's file has now, from the score alone."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from churn.campaigns.expectation import economics_of
from churn.campaigns.offer_effect import NOTHING_TAUGHT, Taught, offer_effect
from churn.decisions.checks import Floats
from churn.decisions.offer_terms import CustomersTerms
from churn.decisions.profit import value_contacts

if TYPE_CHECKING:
    from churn.config import Settings
    from churn.documents.definition import CampaignDefinition


def profit_on_terms(
    definition: CampaignDefinition,
    settings: Settings,
    probability: Floats,
    *,
    involuntary: Floats | None,
    margin: Floats,
    published_value: Floats,
    months: Floats | None = None,
    taught: Taught = NOTHING_TAUGHT,
    own: CustomersTerms | None = None,
) -> Floats | None:
    """Return the expected profit of each customer (n,) by risk; None where the file asks for more than the score holds.

    `involuntary` is the part of each probability that failed payments cause, `months` what a save is worth in months of
    `margin` where that is known, `published_value` what the list says that it is worth, which counts where that of the settings
    is SQL over features, `taught` what measured rounds taught of it and of the model, `own` the terms that are SQL over
    features, as they were published with the scores. More is asked for by such a term that was not published, and by an
    offer that acts by causes where these are not known. NaN where a customer has no usable terms.
    """
    offer = definition.offer
    if (offer.formulas and own is None) or (offer.success is not None and involuntary is None):
        return None
    by_causes = np.zeros_like(probability) if involuntary is None else involuntary
    factor = taught.factor(probability, by_causes)
    probability, by_causes = probability * factor, by_causes * factor
    mine = CustomersTerms.alike(probability.size) if own is None or not offer.formulas else own
    terms = economics_of(definition, settings.business, offer.risk_based_model, mine.terms.of(mine.is_usable))
    value = terms.value_of_save(margin)
    if settings.business.value == "survival" and months is not None:
        value = np.where(np.isfinite(months), margin * months, value)
    for stated in (settings.simulation.value_of_save, offer.value_of_save):  # the later one goes first
        if stated is not None:
            value = published_value if isinstance(stated, str) else np.full(margin.shape, float(stated))
    effect = offer_effect(offer, taught, probability, by_causes, mine.terms)
    by_customer = mine.terms if effect is None else replace(mine.terms, avoided=effect.avoided)
    return np.where(mine.is_usable, value_contacts(probability, value, terms, by_customer).profit, np.nan)
