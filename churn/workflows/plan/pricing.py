"""Names the profit model of each campaign, and prices every customer under it, by measured uplift where there is any."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from churn.campaigns.expectation import economics_of
from churn.campaigns.offer_effect import NOTHING_TAUGHT, Taught, believed_rates, offer_effect, parts_of
from churn.campaigns.plan_words import (
    effect_notes,
    harm_note,
    kept_note,
    recalibration_note,
    risk_note,
    terms_note,
    unlearnt_note,
    uplift_note,
)
from churn.config import ProfitModel
from churn.context import Context
from churn.decisions.checks import Bools, Floats
from churn.decisions.profit import CustomerTerms
from churn.documents.definition import CampaignDefinition
from churn.snapshots.conditions import build_day
from churn.snapshots.dataset import scoring_set
from churn.snapshots.policy import SnapshotPolicy
from churn.views.offer_evidence import taught_of_offers
from churn.warehouse.models.sql_models import load_models
from churn.workflows.learn_uplift import latest_learning
from churn.workflows.plan.causes import InvoluntaryChurn, involuntary_churn
from churn.workflows.plan.priced import Priced, price
from churn.workflows.plan.terms import terms_of_offers

if TYPE_CHECKING:
    import polars as pl

    from churn.config import BusinessSettings
    from churn.decisions.offer_terms import CustomersTerms
    from churn.warehouse.connection import Warehouse
    from churn.workflows.learn_uplift import LoadedUplift
    from churn.workflows.plan.eligibility import CampaignFacts
    from churn.workflows.plan.scores import ScoreList


Z_95 = 1.959964  # the measured effect's interval is one of 95 %


@dataclass(frozen=True)
class _Basis:
    """What a campaign is priced by: the model, churn avoided (n,) where measured, whom contact harms, what to say."""

    model: ProfitModel
    avoided: Floats | None
    is_harmful: Bools | None
    sentence: str | None
    effect_error: float = 0.0


@dataclass(frozen=True)
class OfferKnowledge:
    """What is known of an offer beside its file: each customer's terms, the causes of churn, and what was learnt.

    `causes` is None where no offer acts by cause, `features` where no uplift was learnt.
    """

    terms: CustomersTerms
    causes: InvoluntaryChurn | None = None
    taught: Taught = NOTHING_TAUGHT
    learning: LoadedUplift | None = None
    features: pl.DataFrame | None = None


def price_campaigns(
    context: Context,
    warehouse: Warehouse,
    definitions: Sequence[CampaignDefinition],
    scores: ScoreList,
    facts: CampaignFacts,
    *,
    despite_harm: bool = False,
) -> list[Priced]:
    """Return each campaign priced under the model its definition names; `auto` takes a measured uplift if there is one.

    Who has no usable terms, where an offer's differ by customer, is left out.

    Whom contact was found to harm is left out, whatever the model, and everybody where it was found to do harm on average,
    unless `despite_harm`. Raises ModelError for a damaged uplift model.
    """
    terms = terms_of_offers(context, warehouse, definitions, scores)
    by_cause = any(definition.offer.success is not None for definition in definitions)
    causes = involuntary_churn(context, scores.frame, scores.model_version) if by_cause else None
    with context.open_store() as store:
        taught = taught_of_offers(
            store, [definition.name for definition in definitions], model_version=scores.model_version
        )
    learnt = [latest_learning(context, definition.name) for definition in definitions]
    features = _features(context, warehouse, scores, learnt)
    return [
        price_offer(
            definition,
            context.settings.business,
            scores.frame,
            facts.left_out[definition.name],
            OfferKnowledge(terms[definition.name], causes, taught[definition.name], learning, features),
            despite_harm=despite_harm,
        )
        for definition, learning in zip(definitions, learnt, strict=True)
    ]


def price_offer(
    definition: CampaignDefinition,
    business: BusinessSettings,
    scores: pl.DataFrame,
    left_out: Mapping[str, Bools],
    known: OfferKnowledge,
    *,
    despite_harm: bool = False,
) -> Priced:
    """Return one campaign's arithmetic for the customers of `scores`: the one way to price an offer, of plans and of simulations.

    `left_out` (n,) says by rule whom it would leave out; who has no usable terms, or whom contact harms, is added here.
    """
    own, learning = known.terms, known.learning
    if learning is not None and learning.is_harmful and not despite_harm:
        basis = _nobody(definition, learning, scores.height)
    else:
        basis = _basis(definition, learning, known.features)
    economics = economics_of(definition, business, basis.model, _usable(own))
    listed = scores["churn_probability"].to_numpy()
    causes = known.causes if definition.offer.success is not None else None
    part = np.zeros(listed.size) if causes is None else causes.part
    factor = np.ones(listed.size)
    if known.taught.recalibration is not None:
        factor = known.taught.factor(listed, scores["involuntary_probability"].cast(float).to_numpy())
    probability = listed * factor
    effect = offer_effect(definition.offer, known.taught, probability, part * factor, own.terms)
    if effect is not None and basis.avoided is None:
        economics = effect.of(np.flatnonzero(own.is_usable)).within(economics)
        own = replace(own, terms=replace(own.terms, avoided=effect.avoided))
    rules = dict(left_out)
    if definition.offer.formulas:
        rules |= {"unknown_terms": own.is_unknown, "impossible_terms": own.is_impossible}
    if basis.is_harmful is not None:
        rules["harmful"] = basis.is_harmful
    return price(
        definition,
        economics,
        scores,
        rules,
        own.terms,
        probability=probability,
        recalibration=known.taught.recalibration,
        uplift=basis.avoided,
        effect_error=basis.effect_error,
        sentence=basis.sentence,
        effect=effect if basis.avoided is None else None,
        cause_note=None if causes is None else causes.note,
        parts=parts_of(definition.offer, listed, part, own.terms),
    )


def _usable(own: CustomersTerms) -> CustomerTerms:
    return own.terms.of(own.is_usable)


def pricing_notes(priced: Sequence[Priced]) -> list[str]:
    """Return what must be said of the profit models: what was learnt, and from which campaign nothing was yet."""
    recalibration = priced[0].recalibration if priced else None
    notes = [] if recalibration is None else [recalibration_note(recalibration)]
    notes += [
        terms_note(campaign.definition.name, list(campaign.definition.offer.formulas))
        for campaign in priced
        if campaign.definition.offer.formulas
    ]
    for campaign in priced:
        believed = () if campaign.effect is None else believed_rates(campaign.effect.belief)
        notes += effect_notes(campaign.definition, believed)
        if campaign.effect is not None and campaign.effect.belief.kept < 1.0:
            notes.append(kept_note(campaign.definition, campaign.effect.belief.kept))
    notes += sorted({campaign.cause_note for campaign in priced if campaign.cause_note})
    notes += [campaign.sentence for campaign in priced if campaign.sentence]
    unlearnt = [
        campaign.definition.name
        for campaign in priced
        if not campaign.sentence
        and campaign.effect is None
        and campaign.definition.offer.profit_model in {"auto", "uplift"}
    ]
    return [*notes, unlearnt_note(unlearnt)] if unlearnt else notes


def _features(
    context: Context, warehouse: Warehouse, scores: ScoreList, learnt: Sequence[LoadedUplift | None]
) -> pl.DataFrame | None:
    """Return the features of the scored customers, in their order, where an uplift model needs them."""
    wanted = sorted({name for learning in learnt if learning is not None for name in learning.feature_names})
    if not wanted:
        return None
    models, policy = load_models(context.settings.home), SnapshotPolicy.from_settings(context.settings)
    build_day(
        context.engine,
        warehouse,
        models,
        context.settings,
        scores.snapshot_date,
        features=wanted,
        progress=context.progress,
    )
    data = scoring_set(warehouse, models, policy, scores.snapshot_date, wanted=wanted)
    return scores.frame.select("customer_id").join(data.frame, on="customer_id", how="left", maintain_order="left")


def _nobody(definition: CampaignDefinition, learnt: LoadedUplift, customers: int) -> _Basis:
    """Contact does harm on average: nobody is contacted, whatever risk or a model says."""
    note = harm_note(definition.name, learnt.campaign, learnt.sentence)
    return _Basis(definition.offer.risk_based_model, None, np.ones(customers, dtype=np.bool_), note)


def _basis(definition: CampaignDefinition, learnt: LoadedUplift | None, features: pl.DataFrame | None) -> _Basis:
    wanted = definition.offer.profit_model
    harmful = None
    if learnt is not None and features is not None:
        harmful = np.asarray(learnt.do_not_contact(features).is_not_null().to_numpy(), dtype=np.bool_)
    by_cause = definition.offer.success is not None and wanted == "auto"
    if wanted in {"case_study", "incentive"} or by_cause:
        wanted = definition.offer.risk_based_model
        return _Basis(wanted, None, harmful, None)
    if learnt is not None and features is not None and learnt.is_better_than_nothing:
        note = uplift_note(definition.name, learnt.campaign, learnt.sentence)
        effect = learnt.result.effect
        error = (effect.high - effect.low) / (2 * Z_95)
        return _Basis("uplift", np.asarray(learnt.predict(features), dtype=np.float64), harmful, note, error)
    model: ProfitModel = "uplift" if wanted == "uplift" else definition.offer.risk_based_model
    why = None if learnt is None else risk_note(definition.name, learnt.sentence)
    return _Basis(model, None, harmful, why)
