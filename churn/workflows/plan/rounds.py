"""A round of a programme: which number and names it has, what earlier rounds took of the month, which offers are off."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np

from churn.campaigns.measurement_words import ALARM
from churn.campaigns.programme_words import OFFER_OFF, harm_reason, off_words
from churn.campaigns.random_slice import SliceTerms
from churn.campaigns.rounds import offer_of_campaign
from churn.context import Context
from churn.documents.programme import ProgrammeDefinition
from churn.documents.programme_round import RoundArm, SwitchedOff
from churn.workflows.plan.choose import AskedSlice
from churn.workflows.plan.limits import Used

if TYPE_CHECKING:
    from datetime import date

    from churn.documents.definition import CampaignDefinition
    from churn.documents.plan import PlanInputs
    from churn.store import ProgrammeRound, Store
    from churn.workflows.plan.priced import Priced
    from churn.workflows.plan.scores import ScoreList


RECENT: Final = 20  # newest rounds that are compared; older ones had other scores
HARM_CERTAINTY: Final = 0.9  # that an offer does harm on average, from which on it is off


@dataclass(frozen=True)
class OpenRound:
    """A round that is being planned: by offer, the campaign that its assignments are kept under, and what is used up."""

    programme: ProgrammeDefinition
    number: int
    campaigns: Mapping[str, str]
    used: Mapping[str, Used]

    @property
    def taken_by_others(self) -> float:
        """Money that offers took of this month's budget which take part no more."""
        return sum(used.month_committed for name, used in self.used.items() if name not in self.programme.competing)

    @property
    def slice_asked(self) -> AskedSlice:
        """The random slice that the programme asks for in this round."""
        terms = self.programme.random_slice
        weights = tuple(self.programme.offers[name].weight for name in self.programme.competing)
        name = f"{self.programme.name} {self.number}"
        return AskedSlice(SliceTerms(name, terms.share, terms.leave_alone, weights, terms.seed), terms.limits_share)

    def noted(self, inputs: Mapping[str, PlanInputs]) -> dict[str, PlanInputs]:
        """Return the inputs of each offer's plan, with what round they are of."""
        alone = self.programme.random_slice.leave_alone
        of_round = {"programme": self.programme.name, "round": self.number, "leave_alone": alone}
        return {name: own.model_copy(update=of_round) for name, own in inputs.items()}

    def named(self, priced: Sequence[Priced]) -> list[Priced]:
        """Return the offers under the names of their campaigns in this round."""
        return [
            replace(
                offer,
                definition=offer.definition.model_copy(update={"name": self.campaigns[offer.definition.name]}),
            )
            for offer in priced
        ]


def open_round(context: Context, programme: ProgrammeDefinition, day: date) -> OpenRound:
    """Return the next round of a programme, on the scores of `day`."""
    with context.open_store() as store:
        rounds = store.programmes.rounds(programme.name)
        drafts = {
            planned.campaign
            for draft in store.programmes.rounds(state="draft")
            if draft.programme != programme.name
            for planned in draft.result.offers
        }
        campaigns = {offer: _free_name(store, f"{offer}_{day:%Y%m%d}", drafts) for offer in programme.competing}
        this_month = [
            past
            for past in rounds
            if past.state == "approved" and (past.snapshot_date.year, past.snapshot_date.month) == (day.year, day.month)
        ]
        taken: dict[str, list[RoundArm]] = {offer: [] for offer in programme.competing}
        for past in this_month:
            for planned in past.result.offers:
                if (arm := past.result.arm(planned.offer)) is not None:
                    taken.setdefault(planned.offer, []).append(arm)
        used = {offer: _used(arms) for offer, arms in taken.items()}
    number = max((past.round for past in rounds), default=0) + 1
    return OpenRound(programme, number, campaigns, used)


def _free_name(store: Store, name: str, taken: set[str]) -> str:
    """Return a name that no campaign bears yet: `name`, or with a number at its end, which tells rounds of one offer apart."""
    candidate, number = name, 1
    while candidate in taken or store.plans.latest(candidate) is not None:
        number += 1
        candidate = f"{name}_{number}"
    return candidate


def _used(arms: Sequence[RoundArm]) -> Used:
    """Return what rounds took, by their documents: who was erased since was contacted, and paid for, all the same."""
    return Used(
        {},
        0.0,
        month_contacts=sum(arm.contacted for arm in arms),
        month_committed=sum(arm.committed for arm in arms),
    )


def standing_round(
    context: Context, programme: ProgrammeDefinition, scores: ScoreList, basis: str
) -> ProgrammeRound | None:
    """Return the round that was planned of the same scores, definition and `basis`, if it stands; drafts that lapsed do not."""
    with context.open_store() as store:
        store.programmes.expire(context.in_company_time().clock())
        rounds = store.programmes.rounds(programme.name, limit=RECENT)
    for past in rounds:
        is_same = past.score_run_id == scores.run_id and past.snapshot_date == scores.snapshot_date
        is_same = is_same and past.definition_hash == programme.hash and past.learnt == basis
        if is_same and past.state in {"draft", "approved", "rejected"}:
            return past
    return None


def basis_of(context: Context, definitions: Sequence[CampaignDefinition], inputs: Mapping[str, PlanInputs]) -> str:
    """Return a digest of what a round depends on besides scores and its own definition.

    These are its offers' files, what was learnt of them, open alarms, settings, and what was asked for.
    """
    offers = {offer_of_campaign(definition.name) for definition in definitions}
    with context.open_store() as store:
        alarms = sorted(alert.subject for alert in store.alerts.open(kind=ALARM))
    parts = [
        f"{definition.name} {definition.hash}"
        for definition in sorted(definitions, key=lambda definition: definition.name)
    ]
    parts += [f"{name} {own.model_dump_json()}" for name, own in sorted(inputs.items())]
    parts += [subject for subject in alarms if offer_of_campaign(subject) in offers]
    return hashlib.sha256("|".join(parts).encode()).hexdigest()[:16]


def switched_off(
    context: Context, programme: ProgrammeDefinition, priced: Sequence[Priced], *, is_told: bool
) -> list[SwitchedOff]:
    """Return the offers that are off: what was measured says with certainty that contact does harm on average.

    `priced` bear the names of the campaigns' files. With `is_told` an alert is raised, which ends when the offer is on again.
    """
    off = []
    now = context.clock()
    with context.open_store() as store:
        alarms = {offer_of_campaign(alert.subject): alert.message for alert in store.alerts.open(kind=ALARM)}
        for offer in priced:
            name = offer.definition.name
            verdict = _harm(name, offer, alarms.get(offer_of_campaign(name)))
            subject = f"{programme.name} {name}"
            if verdict is not None:
                off.append(verdict)
            if is_told and verdict is None:
                store.alerts.resolve(OFFER_OFF, subject, now)
            elif is_told and verdict is not None:
                store.alerts.raise_(OFFER_OFF, subject, "critical", off_words(programme.name, verdict), now)
    return off


def _harm(name: str, offer: Priced, alarm: str | None) -> SwitchedOff | None:
    from scipy.special import ndtr

    certainty, effect, rounds = 0.0, 0.0, 0
    rows = np.flatnonzero(offer.eligibility.is_possible)
    if offer.effect is not None and rows.size:
        mine = offer.effect.of(rows)
        effect, rounds = float(mine.avoided.mean()), mine.belief.measured
        error = mine.belief.error(mine.design)
        certainty = float(ndtr(-effect / error)) if rounds and error > 0.0 else 0.0
    if certainty >= HARM_CERTAINTY:
        why = harm_reason(effect, certainty, rounds)
    elif alarm is not None:
        why = alarm if alarm.endswith(".") else f"{alarm}."
    else:
        return None
    return SwitchedOff(offer=name, certainty=round(certainty, 4), effect=round(effect, 6), rounds=rounds, why=why)


def without(priced: Sequence[Priced], off: Sequence[SwitchedOff]) -> list[Priced]:
    """Return the offers, nobody being eligible for those that are off."""
    names = {verdict.offer for verdict in off}
    return [
        replace(offer, eligibility=offer.eligibility.without_anybody("harmful"))
        if offer.definition.name in names
        else offer
        for offer in priced
    ]
