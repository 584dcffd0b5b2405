"""What the outcomes of a campaign teach of its offer: evidence of its rates by cause and its harm, as assigned."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import reduce

import numpy as np
import polars as pl

from churn.campaigns.offer_effect import believed_rates, design_of, priors_of
from churn.decisions.effect import Evidence, RangePrior, believe, learn_evidence
from churn.documents.definition import Offer
from churn.documents.measurement import OfferLearning


def evidence_of(offer: Offer, frame: pl.DataFrame, left_alone: pl.DataFrame | None = None) -> Evidence | None:
    """Return what the customers of `frame` teach; None where no draw of arms has customers in both.

    `frame`: split, plan_id, arm, churn_probability, has_churned (null where not known), and for an offer by cause
    voluntary_part and involuntary_part as they were when the arm was drawn. Draws are recalibrated apart, as their dates
    differ. Customers whose parts were not kept teach nothing.

    `left_alone` are customers of the same days whom nobody contacted, with split, churn_probability and has_churned: a few
    who were held out do not show how far probabilities are off, thousands who were not chosen do.
    """
    priors = priors_of(offer)
    known = frame.filter(pl.col("has_churned").is_not_null())
    if offer.success is not None:
        known = known.filter(pl.col("voluntary_part").is_not_null() & pl.col("involuntary_part").is_not_null())
    if not priors or known.is_empty():
        return None
    pieces = [
        _of_draw(offer, priors, draw, None if left_alone is None else left_alone.filter(pl.col("split") == split))
        for (split,), draw in known.group_by(["split"], maintain_order=True)
        if draw["arm"].n_unique() > 1
    ]
    return replace(reduce(_added, pieces), rounds=known["plan_id"].n_unique()) if pieces else None


def _of_draw(offer: Offer, priors: Sequence[RangePrior], draw: pl.DataFrame, beside: pl.DataFrame | None) -> Evidence:
    p = draw["churn_probability"].to_numpy()
    parts = (p, np.zeros(p.size))
    if offer.success is not None:
        parts = draw["voluntary_part"].to_numpy(), draw["involuntary_part"].to_numpy()
    churned = draw["has_churned"].to_numpy().astype(np.bool_)
    treated = (draw["arm"] == "treatment").to_numpy()
    design = design_of(offer, *parts)
    if beside is None or beside.is_empty():
        return learn_evidence(churned, treated, p, design, priors)
    more = beside.height
    return learn_evidence(
        np.concatenate([churned, beside["has_churned"].to_numpy().astype(np.bool_)]),
        np.concatenate([treated, np.zeros(more, dtype=np.bool_)]),
        np.concatenate([p, beside["churn_probability"].to_numpy()]),
        np.vstack([design, np.zeros((more, design.shape[1]))]),
        priors,
        is_beside=np.concatenate([np.zeros(p.size, dtype=np.bool_), np.ones(more, dtype=np.bool_)]),
    )


def _added(earlier: Evidence, later: Evidence) -> Evidence:
    """Return two draws' evidence together; the recalibration told is that of the larger."""
    larger = max(earlier, later, key=lambda piece: piece.treated + piece.holdout)
    return replace(
        larger,
        precision=tuple(
            tuple(a + b for a, b in zip(first, second, strict=True))
            for first, second in zip(earlier.precision, later.precision, strict=True)
        ),
        shift=tuple(a + b for a, b in zip(earlier.shift, later.shift, strict=True)),
        treated=earlier.treated + later.treated,
        holdout=earlier.holdout + later.holdout,
    )


def learning_of(offer: Offer, evidence: Evidence, others: Sequence[Evidence]) -> OfferLearning:
    """Return the evidence of a campaign as its measurement keeps it, and what is believed with that of `others`."""
    belief = believe(priors_of(offer), [evidence, *others])
    return OfferLearning(
        keys=evidence.keys,
        precision=evidence.precision,
        shift=evidence.shift,
        treated=evidence.treated,
        holdout=evidence.holdout,
        rounds=evidence.rounds,
        intercept=evidence.intercept,
        slope=evidence.slope,
        effect=believed_rates(belief),
    )


def evidence_in(learning: OfferLearning) -> Evidence:
    """Return the evidence that a measurement keeps."""
    return Evidence(
        keys=learning.keys,
        precision=learning.precision,
        shift=learning.shift,
        treated=learning.treated,
        holdout=learning.holdout,
        intercept=learning.intercept,
        slope=learning.slope,
        rounds=learning.rounds,
    )
