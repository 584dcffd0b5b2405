"""Reads programmes: what competes, how the rounds stand, what they cost and brought, and what was learnt of each offer."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import Field

from churn.campaigns.offer_effect import believed_rates, priors_of
from churn.campaigns.plan_words import rate_words
from churn.campaigns.programme_words import OFFER_OFF, height_words
from churn.campaigns.programmes import examine_programme, load_programme, programme_files
from churn.campaigns.reading import campaign_files, examine
from churn.context import Context
from churn.decisions.effect import believe
from churn.documents.document import Document, Range
from churn.documents.height import HeightDocument
from churn.documents.measurement import EffectInterval
from churn.documents.plan import BelievedRate
from churn.documents.programme import LEAVE_ALONE, Cadence, ProgrammeDefinition
from churn.documents.programme_findings import EvaluatedPolicy
from churn.documents.programme_round import RoundDocument, RoundState
from churn.errors import NotFound
from churn.languages.words import tr
from churn.views.campaign_standing import brought_by
from churn.views.offer_evidence import taught_of_offers

if TYPE_CHECKING:
    from churn.documents.definition import CampaignDefinition
    from churn.store import Measurement, ProgrammeRound, Store


class ListedProgramme(Document):
    """A programme in short. `waiting` is the round that is a draft; `error` says what is wrong with the file."""

    name: str
    title: str | None
    owner: str | None
    cadence: Cadence | None
    offers: tuple[str, ...]
    rounds: int
    newest_round: int | None
    state: RoundState | None
    planned_at: datetime | None
    snapshot_date: date | None
    contacted: int
    waiting: int | None
    error: str | None
    file: Path | None
    archived: date | None = Field(None, exclude_if=lambda value: value is None)


class ShownRound(Document):
    """A round in short. `measured` counts the offers whose effect was measured; `spent` and `net_profit` are of those."""

    round: int
    state: RoundState
    planned_at: datetime
    snapshot_date: date
    expires_at: datetime | None
    decided_at: datetime | None
    decided_by: str | None
    note: str | None
    eligible: int
    contacted: int
    held_out: int
    at_random: int
    committed: float
    expected_profit: float
    slice_share: float
    slice_cost: float
    measured: int
    spent: float
    net_profit: Range | None


class OfferStanding(Document):
    """One offer over all approved rounds: whom it reached, what it cost and brought, and what is believed of it now.

    `effect` is the churn avoided per contacted, the measured rounds weighed by the sizes of their arms. `spent` and `net_profit` are of
    the measured rounds, `contacted` of all.
    """

    offer: str
    title: str
    contacted: int
    held_out: int
    rounds: int
    measured_rounds: int
    spent: float
    net_profit: Range | None
    effect: EffectInterval | None
    believed: tuple[BelievedRate, ...]
    is_off: bool
    words: tuple[str, ...]


class ShownProgramme(Document):
    """One programme: its definition, its rounds, newest first, the newest one whole, and its offers."""

    name: str
    title: str
    owner: str | None
    description: str | None
    definition: ProgrammeDefinition | None
    error: str | None
    rounds: tuple[ShownRound, ...]
    newest: RoundDocument | None
    waiting: int | None
    waiting_definition: ProgrammeDefinition | None
    offers: tuple[OfferStanding, ...]
    spent: float
    net_profit: Range | None
    alerts: tuple[str, ...]
    height: HeightDocument | None
    height_words: tuple[str, ...]
    evaluations: tuple[EvaluatedPolicy, ...]


def list_programmes(context: Context, *, archived: bool = False) -> list[ListedProgramme]:
    """Return a row per programme that has a file or a round; or those that are archived."""
    home = context.settings.home
    files, campaigns = programme_files(home), campaign_files(home)
    rows = []
    with context.open_store() as store:
        for name in sorted({*files, *store.programmes.names()}):
            definition, complaints = examine_programme(name, files[name], campaigns) if name in files else (None, [])
            rounds = _standing_states(store.programmes.rounds(name), context.in_company_time().clock())
            newest, state = rounds[0] if rounds else (None, None)
            known = definition or (newest.definition if newest else None)
            rows.append(
                ListedProgramme(
                    name=name,
                    title=known.title if known else None,
                    owner=known.owner if known else None,
                    cadence=known.cadence if known else None,
                    offers=known.competing if known else (),
                    rounds=len(rounds),
                    newest_round=newest.round if newest else None,
                    state=state,
                    planned_at=newest.planned_at if newest else None,
                    snapshot_date=newest.snapshot_date if newest else None,
                    contacted=_contacted(newest) if newest else 0,
                    waiting=next((past.round for past, now in rounds if now == "draft"), None),
                    error=str(complaints[0].error()) if complaints else None,
                    file=files.get(name),
                    archived=definition.archived if definition else None,
                )
            )
    return [row for row in rows if (row.archived is not None) == archived]


def show_programme(context: Context, name: str) -> ShownProgramme:
    """Return one programme. Raises CampaignError naming the nearest where there is neither file nor round."""
    home = context.settings.home
    files = programme_files(home)
    with context.open_store() as store:
        rounds = _standing_states(store.programmes.rounds(name), context.in_company_time().clock())
        if name not in files and not rounds:
            load_programme(home, name)  # suggests the nearest one
        definition, complaints = (
            examine_programme(name, files[name], campaign_files(home)) if name in files else (None, [])
        )
        known = definition or (rounds[0][0].definition if rounds else None)
        approved = [past for past, state in rounds if state == "approved"]
        measured = {
            planned.campaign: store.measurements.latest(planned.campaign)
            for past in approved
            for planned in past.result.offers
        }
        alerts = [alert.message for alert in store.alerts.open(kind=OFFER_OFF) if alert.subject.split(" ")[0] == name]
        offers = _offers(context, store, known, approved, measured) if known else []
        height, evaluations = store.programmes.height(name), store.programmes.evaluations(name)
        run = store.published.current_run()
        if run is not None and not store.published.tells_money(run):
            height = None  # what is foreseen rests on the model's probabilities
    return ShownProgramme(
        name=name,
        title=known.title if known else name,
        owner=known.owner if known else None,
        description=known.description if known else None,
        definition=definition,
        error=str(complaints[0].error()) if complaints else None,
        rounds=tuple(_round(past, state, measured if state == "approved" else {}) for past, state in rounds),
        newest=rounds[0][0].result if rounds else None,
        waiting=next((past.round for past, state in rounds if state == "draft"), None),
        waiting_definition=next((past.definition for past, state in rounds if state == "draft"), None),
        offers=tuple(offers),
        spent=_spent(list(measured.values())),
        net_profit=net_profit_of(list(measured.values())),
        alerts=tuple(alerts),
        evaluations=tuple(evaluations),
        height=height,
        height_words=()
        if height is None or known is None
        else height_words(height, known, context.settings.business.currency),
    )


def programme_round(context: Context, name: str, number: int) -> ProgrammeRound:
    """Return one round. Raises NotFound."""
    with context.open_store() as store:
        planned = store.programmes.round(name, number)
    if planned is None:
        raise NotFound(
            tr("programme `{name}` has no round {number}", name=name, number=number),
            where=name,
            remedy=tr("See `churn programmes show {name}`.", name=name),
        )
    return planned


def _standing_states(rounds: Sequence[ProgrammeRound], now: datetime) -> list[tuple[ProgrammeRound, RoundState]]:
    """Return each round with its state as of now: a draft lapses by itself, whether or not anybody has noted it."""
    return [
        (past, "expired" if past.state == "draft" and past.expires_at and past.expires_at < now else past.state)
        for past in rounds
    ]


def _contacted(past: ProgrammeRound) -> int:
    return sum(arm.contacted for arm in past.result.arms if arm.offer != LEAVE_ALONE)


def _round(past: ProgrammeRound, state: RoundState, measured: dict[str, Measurement | None]) -> ShownRound:
    offers = [arm for arm in past.result.arms if arm.offer != LEAVE_ALONE]
    taken = [measured.get(arm.campaign) for arm in offers if arm.campaign is not None]
    return ShownRound(
        round=past.round,
        state=state,
        planned_at=past.planned_at,
        snapshot_date=past.snapshot_date,
        expires_at=past.expires_at,
        decided_at=past.decided_at,
        decided_by=past.decided_by,
        note=past.note,
        eligible=past.result.eligible,
        contacted=_contacted(past),
        held_out=sum(arm.held_out for arm in offers),
        at_random=past.result.random_slice.customers,
        committed=past.result.committed,
        expected_profit=round(sum(arm.expected_profit for arm in offers), 2),
        slice_share=past.result.random_slice.share,
        slice_cost=past.result.random_slice.cost,
        measured=sum(brought_by(measurement) is not None for measurement in taken),
        spent=_spent(taken),
        net_profit=net_profit_of(taken),
    )


def _spent(measured: Sequence[Measurement | None]) -> float:
    earned = [measurement.result.earned for measurement in measured if measurement is not None]
    return round(sum(money.costs.total for money in earned if money is not None), 2)


def net_profit_of(measured: Sequence[Measurement | None]) -> Range | None:
    """Return the net profit of several measurements; their errors are independent, so they add up in quadrature."""
    parts = [brought for measurement in measured if (brought := brought_by(measurement)) is not None]
    if not parts:
        return None
    value = sum(part.value for part in parts)
    return Range(
        value=round(value, 2),
        low=round(value - math.hypot(*(part.value - part.low for part in parts)), 2),
        high=round(value + math.hypot(*(part.high - part.value for part in parts)), 2),
    )


def _offers(
    context: Context,
    store: Store,
    programme: ProgrammeDefinition,
    approved: Sequence[ProgrammeRound],
    measured: dict[str, Measurement | None],
) -> list[OfferStanding]:
    files = campaign_files(context.settings.home)
    newest: dict[str, CampaignDefinition] = {}
    for past in reversed(approved):
        newest |= {planned.offer: planned.definition for planned in past.result.offers}
    names = list(dict.fromkeys([*programme.competing, *newest]))
    taught = taught_of_offers(store, names)
    off = {alert.subject for alert in store.alerts.open(kind=OFFER_OFF)}
    standings = []
    for name in names:
        definition = (examine(name, files[name])[0] if name in files else None) or newest.get(name)
        if definition is None:
            continue
        arms = [arm for past in approved if (arm := past.result.arm(name)) is not None]
        rounds = [measured.get(arm.campaign or "") for arm in arms]
        priors = priors_of(definition.offer)
        believed = believed_rates(believe(priors, taught[name].pieces, taught[name].kept)) if priors else ()
        standings.append(
            OfferStanding(
                offer=name,
                title=definition.title,
                contacted=sum(arm.contacted for arm in arms),
                held_out=sum(arm.held_out for arm in arms),
                rounds=len(arms),
                measured_rounds=sum(brought_by(measurement) is not None for measurement in rounds),
                spent=_spent(rounds),
                net_profit=net_profit_of(rounds),
                effect=pooled_effect(rounds),
                believed=believed,
                is_off=f"{programme.name} {name}" in off,
                words=tuple(rate_words(rate) for rate in believed),
            )
        )
    return standings


def pooled_effect(measured: Sequence[Measurement | None]) -> EffectInterval | None:
    """Return the effect of several rounds, each weighed by the sizes of its arms.

    Neither weights nor the ends of the interval take an interval for a symmetric one: of a few customers it is not, and one who
    left of three would prove harm. Ends add up in quadrature, each side for itself (Donner and Zou 2012).
    """
    parts = [m.result.effect for m in measured if m is not None and m.result.effect is not None]
    sizes = [effect.treatment * effect.holdout / (effect.treatment + effect.holdout) for effect in parts]
    if not sum(sizes):
        return None
    shares = [size / sum(sizes) for size in sizes]
    delta = sum(share * effect.delta for share, effect in zip(shares, parts, strict=True))
    low = delta - math.hypot(
        *(share * (effect.delta - effect.low) for share, effect in zip(shares, parts, strict=True))
    )
    high = delta + math.hypot(
        *(share * (effect.high - effect.delta) for share, effect in zip(shares, parts, strict=True))
    )
    return EffectInterval(delta=round(delta, 6), low=round(max(low, -1.0), 6), high=round(min(high, 1.0), 6))
