"""Plays rounds of a programme in the demo's company: what was promised, measured and believed, beside the truth."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from churn.campaigns.programmes import FOLDER
from churn.context import Context
from churn.demo import load_state
from churn.documents.document import Range
from churn.documents.measurement import EffectInterval
from churn.errors import ConfigError
from churn.views.programmes import show_programme
from churn.workflows.demo.campaigns import true_effect
from churn.workflows.demo.play import play_forward
from churn.workflows.measure import import_outcomes, measure_campaign
from churn.workflows.plan import PlanRequest, plan_campaigns
from churn.workflows.refresh import refresh_warehouse
from churn.workflows.score import score_customers

if TYPE_CHECKING:
    from churn.documents.programme_round import RoundDocument


NAME: Final = "keep"
ROUNDS: Final = 3
PROGRAMME: Final = """\
# Written by `churn demo --programme`: the campaigns that ship compete for the same customers. Its company is small, so
# that a larger holdout and a larger random slice are needed to learn anything in three rounds.

[programme]
title = "Keep customers"
description = "Each customer gets the offer that is expected to earn most with them, or is left alone."
cadence = "by_hand"

[offers.fix_payment]
[offers.support_call]
[offers.price_incentive]

[limits]
budget = 5000

[holdout]
share = 0.3

[random_slice]
share = 0.1
leave_alone = 0.3
limits_share = 0.3
"""


@dataclass(frozen=True)
class PlayedOffer:
    """One offer in one round: the churn avoided per contacted that the plan expected, what was measured, and what was true.

    `expected` follows from what was believed when the round was planned; None where nobody was contacted.
    """

    round: int
    offer: str
    contacted: int
    holdout: int
    expected: float | None
    effect: EffectInterval | None
    true_effect: float | None


@dataclass(frozen=True)
class PlayedProgramme:
    """Rounds that were played: each offer in each, and the programme's profit over all of them, measured and in truth."""

    name: str
    file: Path
    days: tuple[date, ...]
    offers: tuple[PlayedOffer, ...]
    promised: float
    net_profit: Range | None
    true_net_profit: float
    believed: tuple[tuple[str, tuple[str, ...]], ...]


def play_programme(context: Context, *, rounds: int = ROUNDS) -> PlayedProgramme:
    """Plan a round on the newest day of the demo's company, let it happen, measure it and learn from it; `rounds` times.

    Raises ConfigError in a home that the demo did not make.
    """
    home = context.settings.home
    if not context.is_simulated:
        raise ConfigError("holds no simulated company", where=str(home), remedy="Run `churn demo` first.")
    file = home / FOLDER / f"{NAME}.toml"
    file.parent.mkdir(exist_ok=True)
    file.write_text(PROGRAMME, encoding="utf-8")
    days: list[date] = []
    offers: list[PlayedOffer] = []
    promised, earned = 0.0, 0.0
    for _ in range(rounds):
        day = load_state(home / "data").month_starts[-1]
        days.append(day)
        now = _at(context, day)
        score_customers(now, snapshot_date=day)
        planned = plan_campaigns(now, PlanRequest(campaigns=(NAME,)))
        document = planned.round
        if document is None:
            raise ConfigError("is no programme", where=str(file))
        month = play_forward(now).month
        later = _at(context, month.cutoff_date)
        refresh_warehouse(later)
        if month.answers is not None:
            import_outcomes(later, month.answers)
        for planned_offer in document.offers:
            truth = true_effect(planned_offer.campaign, planned.assignments, month.outcomes)
            played, spent = _measured(later, document, planned_offer.offer, truth.effect)
            offers.append(played)
            earned += truth.retained - spent
        promised += sum(arm.expected_profit for arm in document.arms)
    shown = show_programme(later, NAME)
    return PlayedProgramme(
        name=NAME,
        file=file,
        days=tuple(days),
        offers=tuple(offers),
        promised=promised,
        net_profit=shown.net_profit,
        true_net_profit=earned,
        believed=tuple((offer.title, offer.words) for offer in shown.offers),
    )


def _at(context: Context, day: date) -> Context:
    midnight = datetime.combine(day, datetime.min.time())
    return replace(context, clock=lambda: midnight)


def _measured(context: Context, document: RoundDocument, offer: str, truth: float) -> tuple[PlayedOffer, float]:
    """Measure one offer of a round; return it beside the truth, and what was spent on it."""
    arm = document.arm(offer)
    assert arm is not None  # every offer of a round is an arm
    part = document.plan.campaign(arm.campaign or "")
    if not arm.contacted + arm.held_out or part is None:
        return PlayedOffer(document.round, offer, 0, 0, None, None, None), 0.0
    measured = measure_campaign(context, arm.campaign or "").document
    effect = measured.effect
    return PlayedOffer(
        round=document.round,
        offer=offer,
        contacted=arm.contacted,
        holdout=arm.held_out,
        expected=part.expected.saves / arm.contacted if arm.contacted else None,
        effect=None if effect is None else EffectInterval(delta=effect.delta, low=effect.low, high=effect.high),
        true_effect=truth if arm.contacted else None,
    ), 0.0 if measured.money is None else measured.money.costs.spent
