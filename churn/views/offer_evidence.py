"""Reads what measured campaigns have taught of an offer, and of the model: the newest mature measurement of each round."""

from __future__ import annotations

from typing import TYPE_CHECKING

from churn.campaigns.learning import evidence_in, levels_in
from churn.campaigns.offer_effect import Taught
from churn.campaigns.rounds import offer_of_campaign
from churn.decisions.effect import Evidence, share_kept
from churn.decisions.recalibration import Recalibration, apart, known_recalibration

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from churn.documents.measurement import OfferLearning
    from churn.store import Store


def taught_of_offers(
    store: Store, campaigns: Collection[str], *, without: str | None = None, model_version: str | None = None
) -> dict[str, Taught]:
    """Return by campaign the evidence of all measured rounds of its offer, in the order of their names; but for `without`.

    The outcomes of all other offers say how much of their files these keep. How far the probabilities are off is told by the rounds of every offer that went by the scores of `model_version`, the
    published list's if none is named.
    """
    rounds = sorted(name for name in store.assignments.counts() if name != without)
    by_round = {name: store.measurements.latest(name, is_mature=True) for name in rounds}
    learnt = {
        name: measured.result.learnt
        for name, measured in by_round.items()
        if measured is not None and measured.result.learnt is not None
    }
    levels = [level for learning in learnt.values() for level in levels_in(learning)]
    version = model_version
    if version is None and levels:
        run = store.scores.current_run()
        version = None if run is None else run.model_version
    recalibration = None if version is None else known_recalibration(apart(levels, version))
    return {campaign: _taught(campaign, learnt, recalibration) for campaign in campaigns}


def _taught(campaign: str, learnt: Mapping[str, OfferLearning], recalibration: Recalibration | None) -> Taught:
    own: list[Evidence] = []
    others: dict[str, list[tuple[list[float], Evidence]]] = {}
    for name, learning in learnt.items():
        piece, offer = evidence_in(learning), offer_of_campaign(name)
        stated = [rate.file_expected for rate in learning.effect]
        if offer == offer_of_campaign(campaign):
            own.append(piece)
        elif len(stated) == len(piece.keys):
            others.setdefault(offer, []).append((stated, piece if recalibration is None else piece.recalibrated()))
    return Taught(own, recalibration, share_kept(list(others.values())))
