"""Tries the doubtful offers of a round on a few customers, drawn by chance, instead of on everybody they seem to pay for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from churn.campaigns.assignment import places
from churn.decisions.doubt import (
    Prospect,
    prospect_of_belief,
    prospect_of_measured,
    prospect_of_rate,
    trial_sizes,
)
from churn.documents.programme_round import OfferOnTrial
from churn.workflows.plan.priced import Priced

if TYPE_CHECKING:
    from churn.workflows.plan.rounds import OpenRound

Choice = NDArray[np.int64]


def trials_of(
    priced: Sequence[Priced], choice: Choice, customers: Sequence[str], draw: str
) -> tuple[list[Priced], list[OfferOnTrial]]:
    """Return the offers, each doubtful one for those drawn for its trial alone, and which these are.

    `choice` (n,) is the offer that each customer would get if all were sure; `draw` names the round, so that each draws anew.
    """
    prospects = [_prospect(offer, np.flatnonzero(choice == k)) for k, offer in enumerate(priced)]
    limited, trials = list(priced), []
    for k, (offer, prospect, size) in enumerate(zip(priced, prospects, trial_sizes(prospects), strict=True)):
        if size is None:
            continue
        name = offer.definition.name
        eligible = np.flatnonzero(offer.eligibility.is_eligible)
        place = np.asarray(
            places([customers[row] for row in eligible.tolist()], campaign=f"{draw} trial {name}", seed=0)
        )
        drawn = np.zeros(choice.size, dtype=np.bool_)
        drawn[eligible[np.argsort(place, kind="stable")[:size]]] = True
        limited[k] = replace(offer, eligibility=offer.eligibility.on_trial(drawn))
        rounds = 0 if offer.effect is None else offer.effect.belief.measured
        trials.append(
            OfferOnTrial(
                offer=name,
                chance=round(prospect.chance, 4),
                customers=int(drawn.sum()),
                of=eligible.size,
                rounds=rounds,
            )
        )
    return limited, trials


def named_by_file(trials: Sequence[OfferOnTrial], opened: OpenRound) -> list[OfferOnTrial]:
    """Return the trials by the names of the campaigns' files, in place of those of the round's campaigns."""
    files = {campaign: offer for offer, campaign in opened.campaigns.items()}
    return [trial.model_copy(update={"offer": files[trial.offer]}) for trial in trials]


def _prospect(offer: Priced, rows: NDArray[np.intp]) -> Prospect:
    profit, value = offer.profit[rows], offer.value[rows]
    if offer.effect_error is not None:
        return prospect_of_measured(profit, value, offer.effect_error)
    if offer.effect is not None:
        mine = offer.effect.of(rows)
        return prospect_of_belief(profit, value, mine.design, mine.belief)
    terms = offer.economics
    return prospect_of_rate(
        profit, offer.values.revenue[rows], terms.success_rate, terms.success_rate_low, terms.success_rate_high
    )
