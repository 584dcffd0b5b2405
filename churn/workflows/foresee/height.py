"""The height post of a programme: its offers priced for the newest scores, and what the rounds ahead would learn, prove and earn."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from churn.campaigns.offer_effect import design_of, priors_of
from churn.campaigns.programmes import competing, load_programme
from churn.campaigns.reading import load_campaign
from churn.context import Context
from churn.decisions.height import height_post
from churn.decisions.preposterior import ProgrammeOutlook
from churn.decisions.priced_arm import PricedArm
from churn.documents.height import HeightDocument
from churn.errors import CampaignError
from churn.workflows.plan.eligibility import gather_facts
from churn.workflows.plan.pricing import price_campaigns
from churn.workflows.plan.scores import read_scores

if TYPE_CHECKING:
    from churn.workflows.plan.priced import Priced


def foresee_programme(context: Context, name: str, *, months: int = 12, seed: int = 0) -> HeightDocument:
    """Return whether a programme can learn, prove itself and pay back within `months`, and keep it for its page.

    Its audience is that of the newest scores. Raises CampaignError where no offer has numbers of its own to learn, and as
    planning does.
    """
    programme = load_programme(context.settings.home, name)
    definitions = [competing(programme, load_campaign(context.settings.home, offer)) for offer in programme.competing]
    with context.open_warehouse("churn programmes height") as warehouse:
        scores = read_scores(context, warehouse, None)
        facts = gather_facts(context, warehouse, definitions, scores, is_round=True)
        priced = price_campaigns(context, warehouse, definitions, scores, facts)
    rows = np.flatnonzero(np.any([offer.eligibility.is_possible for offer in priced], axis=0))
    listed, probability = scores.frame["churn_probability"].to_numpy(), priced[0].probability
    factor = probability / np.maximum(listed, 1e-12)  # what measured rounds showed of the probabilities
    arms = [
        arm
        for offer in priced
        if (arm := _arm(offer, factor, rows, programme.offers[offer.definition.name].weight)) is not None
    ]
    if not arms or not rows.size:
        raise CampaignError(
            "no offer has a success rate that can be learnt, or nobody may be made an offer",
            where=f"programme {name}",
            remedy="State [offer.success] in the campaigns' files.",
        )
    context.progress.step("Foreseeing the rounds ahead")
    budget = programme.limits.budget
    outlook = ProgrammeOutlook(
        arms=tuple(arms),
        probability=probability[rows],
        value=np.mean([offer.value[rows] for offer in priced], axis=0),
        customers=float(rows.size),
        slice_share=programme.random_slice.share,
        holdout_share=programme.holdout.share,
        budget=None if budget is None else float(budget),
        months=months,
        leave_alone=programme.random_slice.leave_alone,
    )
    height = HeightDocument.of(height_post(outlook, seed=seed))
    with context.open_store() as store:
        store.programmes.keep_height(name, height, context.clock())
    return height


def _arm(offer: Priced, factor: np.ndarray, rows: np.ndarray, weight: float) -> PricedArm | None:
    """Return an offer as it is foreseen; None where its success rate is a formula, of which nothing is learnt.

    `factor` (n,) multiplies what its rates act on, as it does the listed probabilities.
    """
    terms, priors = offer.economics, priors_of(offer.definition.offer)
    if not priors:
        return None
    none = np.zeros(factor.size)
    first, second = (offer.probability, none) if offer.parts is None else (part * factor for part in offer.parts)
    design = design_of(offer.definition.offer, first, second)[rows]
    is_taken_by_stayers = terms.profit_model == "incentive"
    return PricedArm(
        name=offer.definition.name,
        priors=priors,
        design=np.nan_to_num(design),
        contact_cost=terms.contact_cost + (0.0 if is_taken_by_stayers else terms.incentive_cost),
        incentive_cost=terms.incentive_cost if is_taken_by_stayers else 0.0,
        is_eligible=offer.is_worth_trying[rows],
        weight=weight,
    )
