"""Builds the document of a plan from what was priced, chosen and drawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from churn.campaigns.expectation import Treated, draw_profit, interval
from churn.campaigns.offer_effect import believed_rates
from churn.campaigns.plan_words import plan_sentences, window_note
from churn.config import Settings
from churn.decisions.checks import Floats
from churn.decisions.power import price_of_holdout
from churn.decisions.profit import DESCRIPTIONS
from churn.decisions.stretch import stretched
from churn.documents.plan import (
    AcceptedAlarm,
    CampaignPlan,
    CampaignShadowPrices,
    ChannelShadowPrice,
    EarlierAssignments,
    PlanAllocation,
    PlanCalibration,
    PlanDocument,
    PlanExpectation,
    PlannedHoldout,
    PlannedPower,
    ProfitInterval,
    ReturnInterval,
    ShadowPrices,
    StratumArms,
    SuccessRates,
)
from churn.workflows.plan.limits import channels_of
from churn.workflows.plan.pricing import pricing_notes

if TYPE_CHECKING:
    import polars as pl

    from churn.workflows.plan.choose import NewAssignments
    from churn.workflows.plan.eligibility import CampaignFacts
    from churn.workflows.plan.limits import Used
    from churn.workflows.plan.priced import Priced
    from churn.workflows.plan.request import PlanRequest
    from churn.workflows.plan.scores import ScoreList


ALPHA, POWER = 0.05, 0.8


@dataclass(frozen=True)
class PlanningRun:
    """All that a plan's document tells: what was asked and known, and what was priced and chosen for each campaign."""

    request: PlanRequest
    planned_at: datetime
    scores: ScoreList
    facts: CampaignFacts
    priced: Sequence[Priced]
    used: Sequence[Used]
    choice: NewAssignments
    plan_ids: Sequence[str]
    alarms: Sequence[AcceptedAlarm] = ()
    stands_since: datetime | None = None


@dataclass(frozen=True)
class _ChosenCampaign:
    """One campaign with what was chosen for it."""

    position: int
    plan_id: str
    priced: Priced
    used: Used
    treated: NDArray[np.intp]
    held_out: NDArray[np.intp]
    expected: Treated
    drawn: Floats

    @property
    def name(self) -> str:
        """The campaign's name."""
        return self.priced.definition.name

    @property
    def committed(self) -> float:
        """Money that the new contacts may cost."""
        return self.priced.committed(self.treated)


def build_document(settings: Settings, run: PlanningRun) -> PlanDocument:
    """Return the plan's document, its sentences included; its assignments are not written to a file yet."""
    chosen = _chosen(settings, run)
    scores = run.scores
    powers = {campaign.name: _holdout_and_power(campaign, run, settings) for campaign in chosen}
    document = PlanDocument(
        planned_at=run.planned_at,
        is_dry_run=run.request.is_dry_run,
        stands_since=run.stands_since,
        currency=settings.business.currency,
        snapshot_date=scores.snapshot_date,
        model_version=scores.model_version,
        run_id=scores.run_id,
        scored_at=scores.scored_at,
        data_cutoff=scores.data_cutoff,
        stale_reason=scores.stale_reason,
        alarms=tuple(run.alarms),
        calibration=PlanCalibration(
            is_passed=scores.judgement.gate.is_passed,
            is_overridden=not scores.judgement.gate.is_passed,
            reasons=tuple(scores.judgement.gate.reasons),
        ),
        customers=scores.frame.height,
        campaigns=tuple(_campaign(campaign, settings, run.facts) for campaign in chosen),
        eligibility=tuple(row for priced in run.priced for row in priced.eligibility.rows(priced.definition.name)),
        allocation=_allocation(chosen, run),
        shadow_prices=_shadow_prices(chosen, run.choice),
        holdout={name: holdout for name, (holdout, _) in powers.items()},
        power={name: power for name, (_, power) in powers.items()},
        expected=_expectation(
            [campaign.expected for campaign in chosen],
            sum((campaign.drawn for campaign in chosen), np.zeros(settings.simulation.draws)),
            sum(campaign.committed for campaign in chosen),
        ),
    )
    notes = [*run.facts.notes, *pricing_notes(run.priced), *_window_notes(settings, run)]
    return document.with_sentences(plan_sentences(document, notes))


def _window_notes(settings: Settings, run: PlanningRun) -> list[str]:
    """Return of each campaign whose saves are counted within other days than those that it is judged after what these are."""
    offers = [priced.definition for priced in run.priced if priced.economics.profit_model != "uplift"]
    return [
        window_note(offer.name, offer.window(settings.churn), horizon)
        for offer in offers
        if (horizon := offer.other_horizon(settings.churn)) is not None
    ]


def _chosen(settings: Settings, run: PlanningRun) -> list[_ChosenCampaign]:
    choice = run.choice
    treated = []
    for position, priced in enumerate(run.priced):
        rows = choice.treated(position)
        treated.append(
            Treated(
                priced.probability[rows],
                priced.avoided[rows],
                priced.value[rows],
                priced.economics,
                priced.effect_error,
                priced.terms.of(rows),
                None if priced.effect is None else priced.effect.of(rows),
            )
        )
    drawn = draw_profit(
        treated,
        probability_error=_level_error(run),
        draws=settings.simulation.draws,
        seed=run.request.seed,
    )
    return [
        _ChosenCampaign(
            position=k,
            plan_id=run.plan_ids[k],
            priced=run.priced[k],
            used=run.used[k],
            treated=choice.treated(k),
            held_out=choice.held_out(k),
            expected=treated[k],
            drawn=drawn[k],
        )
        for k in range(len(run.priced))
    ]


def _level_error(run: PlanningRun) -> float:
    """Return by which share the probabilities of the chosen may err: as measured rounds leave it, else as the model was judged."""
    judged = run.scores.judgement.level_error
    return run.priced[0].level_error(run.scores.frame, run.choice.campaign >= 0, judged) if run.priced else judged


def _campaign(campaign: _ChosenCampaign, settings: Settings, facts: CampaignFacts) -> CampaignPlan:
    import polars as pl

    definition, terms = campaign.priced.definition, campaign.priced.economics
    mine = facts.assigned.filter(pl.col("campaign") == definition.name)
    return CampaignPlan(
        name=definition.name,
        title=definition.title,
        plan_id=campaign.plan_id,
        definition_hash=definition.hash,
        channel=definition.offer.channel,
        window_days=definition.window(settings.churn),
        profit_model=terms.profit_model,
        profit_model_description=DESCRIPTIONS[terms.profit_model],
        is_uplift_measured=campaign.priced.is_measured,
        contact_cost=terms.contact_cost,
        incentive_cost=terms.incentive_cost,
        success_rate=SuccessRates(
            low=terms.success_rate_low, expected=terms.success_rate, high=terms.success_rate_high
        ),
        effect=() if campaign.priced.effect is None else believed_rates(campaign.priced.effect.belief),
        eligible=campaign.priced.eligibility.eligible,
        chosen=campaign.treated.size + campaign.held_out.size,
        treatment=campaign.treated.size,
        holdout=campaign.held_out.size,
        earlier=EarlierAssignments(
            treatment=campaign.used.treatment,
            holdout=campaign.used.holdout,
            committed=_cents(campaign.used.committed),
            snapshot_dates=tuple(mine["snapshot_date"].unique().sort()),
        ),
        expected=_expectation([campaign.expected], campaign.drawn, campaign.committed),
    )


def _expectation(treated: Sequence[Treated], drawn: Floats, committed: float) -> PlanExpectation:
    band, loss = interval(drawn)
    cost, profit = sum(t.cost for t in treated), sum(t.profit for t in treated)
    return PlanExpectation(
        contacts=sum(t.probability.size for t in treated),
        cost=_cents(cost),
        committed=_cents(committed),
        saves=round(sum(t.saves for t in treated), 1),
        value=_cents(profit + cost),
        profit=_cents(profit),
        profit_interval=ProfitInterval(low=_cents(band.low), median=_cents(band.median), high=_cents(band.high)),
        roi=round(profit / cost, 4) if cost > 0 else None,
        roi_interval=ReturnInterval(low=round(band.low / cost, 4), high=round(band.high / cost, 4))
        if cost > 0
        else None,
        loss_probability=round(loss, 4),
    )


def _allocation(chosen: Sequence[_ChosenCampaign], run: PlanningRun) -> PlanAllocation:
    allocation, budget = run.choice.allocation, run.request.budget
    return PlanAllocation(
        budget=None if budget is None else float(budget),
        budget_used_before=_cents(sum(campaign.used.committed for campaign in chosen)),
        committed=_cents(sum(campaign.committed for campaign in chosen)),
        chosen=int(np.count_nonzero(run.choice.campaign >= 0)),
        contacts=sum(campaign.treated.size for campaign in chosen),
        profit=_cents(allocation.profit),
        bound=_cents(allocation.bound),
        gap=round(float(allocation.gap), 6),
    )


def _shadow_prices(chosen: Sequence[_ChosenCampaign], choice: NewAssignments) -> ShadowPrices:
    allocation = choice.allocation
    channels = channels_of([campaign.priced for campaign in chosen])
    return ShadowPrices(
        budget_per_unit=round(float(allocation.shadow_budget), 4),
        next_thousand=_cents(allocation.next_thousand),
        campaigns=tuple(
            CampaignShadowPrices(
                campaign=campaign.name,
                per_contact=_cents(float(allocation.shadow_offer[campaign.position])),
                per_unit_of_budget=round(float(allocation.shadow_offer_budget[campaign.position]), 4),
            )
            for campaign in chosen
        ),
        channels=tuple(
            ChannelShadowPrice(
                channel=name,
                per_contact=_cents(float(allocation.shadow_channel[h])),
                left=choice.channels[name],
            )
            for h, name in enumerate(channels)
            if name in choice.channels
        ),
    )


def _holdout_and_power(
    campaign: _ChosenCampaign, run: PlanningRun, settings: Settings
) -> tuple[PlannedHoldout, PlannedPower]:
    """Return who is left alone and what that forgoes, and what effect will be found, earlier plans included.

    Churn and effect are those expected in the outcome window: where it is longer or shorter than the horizon of the
    probabilities they are stretched at a constant rate.
    """
    import polars as pl

    definition, scores = campaign.priced.definition, run.scores.frame
    window = definition.window(settings.churn)
    horizon = definition.other_horizon(settings.churn) or window
    rows = np.concatenate([campaign.treated, campaign.held_out])
    assigned = run.facts.assigned.filter(pl.col("campaign") == definition.name)
    treatment = campaign.treated.size + campaign.used.treatment
    holdout = campaign.held_out.size + campaign.used.holdout
    chosen = treatment + holdout
    rate = _mean(campaign.priced.probability[rows], assigned["churn_probability"])
    effect = _mean(campaign.priced.avoided[rows], assigned["expected_uplift"])
    in_window = float(stretched(np.array(rate), window, horizon))
    effect *= in_window / rate if rate > 0 else 1.0
    price = price_of_holdout(
        chosen,
        holdout / chosen if chosen else definition.holdout.share,
        churn_rate=in_window,
        expected_effect=min(max(effect, 0.0), in_window),
        expected_profit=_mean(campaign.priced.profit[rows], assigned["expected_profit"]),
        value=_mean(campaign.priced.value[rows], assigned["value_of_save"]),
        alpha=ALPHA,
        power=POWER,
    )
    detectable = price.minimum_detectable_effect
    return PlannedHoldout(
        share=definition.holdout.share,
        seed=definition.holdout.seed,
        treatment=treatment,
        holdout=holdout,
        new_treatment=campaign.treated.size,
        new_holdout=campaign.held_out.size,
        profit_forgone=_cents(price.profit_forgone),
        strata=_strata(campaign, scores),
    ), PlannedPower(
        churn_rate=round(in_window, 6),
        expected_effect=round(effect, 6),
        minimum_detectable_effect=None if detectable is None else round(detectable, 6),
        power=round(price.power, 4),
        half_width=_finite(price.half_width, 6),
        profit_half_width=_finite(price.profit_half_width, 2),
        customers_needed=price.customers_needed,
        alpha=ALPHA,
        wanted_power=POWER,
        window_days=window,
    )


def _mean(new: Floats, known: pl.Series) -> float:
    """Return the mean over those newly chosen and those assigned earlier; 0 for nobody."""
    both = np.concatenate([new, known.drop_nulls().to_numpy()])
    return float(both.mean()) if both.size else 0.0


def _strata(campaign: _ChosenCampaign, scores: pl.DataFrame) -> tuple[StratumArms, ...]:
    bands = scores["risk_band"].to_numpy()
    strata = []
    for stratum in sorted({*bands[campaign.treated], *bands[campaign.held_out], *campaign.used.strata}):
        before = campaign.used.strata.get(stratum)
        treatment = int(np.count_nonzero(bands[campaign.treated] == stratum)) + (before.treatment if before else 0)
        holdout = int(np.count_nonzero(bands[campaign.held_out] == stratum)) + (before.holdout if before else 0)
        strata.append(StratumArms(stratum=stratum, treatment=treatment, holdout=holdout))
    return tuple(strata)


def _finite(number: float, digits: int) -> float | None:
    return round(number, digits) if np.isfinite(number) else None


def _cents(amount: float) -> float:
    return round(float(amount), 2)
