"""Gathers how programmes stood for the report of a month: rounds, money, and what was measured of each offer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from churn.documents.month_facts import ReportedOffer, ReportedProgramme
from churn.views.programmes import net_profit_of, pooled_effect

if TYPE_CHECKING:
    from churn.store import Measurement, ProgrammeRound, Store
    from churn.workflows.report.month import Month


def programme_facts(store: Store, month: Month, measured: Mapping[str, Measurement]) -> tuple[ReportedProgramme, ...]:
    """Return the programmes with a round that was approved before `month` was over; `measured` by campaign, as then known."""
    rounds: dict[str, list[ProgrammeRound]] = {}
    for approved in store.programmes.rounds(state="approved"):  # newest first
        if approved.decided_at is not None and approved.decided_at < month.ends_at:
            rounds.setdefault(approved.programme, []).append(approved)
    return tuple(_reported(name, past, measured) for name, past in sorted(rounds.items()))


def _reported(name: str, rounds: list[ProgrammeRound], measured: Mapping[str, Measurement]) -> ReportedProgramme:
    newest = rounds[0].result
    offers = list(dict.fromkeys(planned.offer for past in rounds for planned in past.result.offers))
    known = [
        measured[planned.campaign] for past in rounds for planned in past.result.offers if planned.campaign in measured
    ]
    arms = [arm for past in rounds for arm in past.result.arms if arm.campaign is not None]
    return ReportedProgramme(
        name=name,
        title=newest.title,
        rounds=len(rounds),
        contacted=sum(arm.contacted for arm in arms),
        committed=sum(past.result.committed for past in rounds),
        slice_cost=sum(past.result.random_slice.cost for past in rounds),
        promised=sum(arm.expected_profit for arm in arms),
        net_profit=net_profit_of(known),
        offers=tuple(_offer(offer, rounds, measured) for offer in offers),
    )


def _offer(offer: str, rounds: list[ProgrammeRound], measured: Mapping[str, Measurement]) -> ReportedOffer:
    arms = [arm for past in rounds if (arm := past.result.arm(offer)) is not None]
    known = [taken for arm in arms if (taken := measured.get(arm.campaign or "")) is not None]
    return ReportedOffer(
        title=arms[0].title,
        contacted=sum(arm.contacted for arm in arms),
        holdout=sum(arm.held_out for arm in arms),
        effect=pooled_effect(known),
        net_profit=net_profit_of(known),
        is_off=any(off.offer == offer for off in rounds[0].result.switched_off),
    )
