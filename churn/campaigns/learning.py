"""What the outcomes of a campaign teach of its offer: evidence of its rates by cause and its harm, as assigned."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from functools import reduce

import numpy as np
import polars as pl

from churn.campaigns.offer_effect import believed_rates, design_of, priors_of
from churn.decisions.checks import Bools, Floats
from churn.decisions.effect import Evidence, RangePrior, believe, learn_evidence
from churn.decisions.recalibration import SeenLevel, recalibration_by, see_level
from churn.documents.definition import Offer
from churn.documents.measurement import MeasuredLevel, OfferLearning


def evidence_of(offer: Offer, frame: pl.DataFrame, left_alone: pl.DataFrame | None = None) -> Evidence | None:
    """Return what the customers of `frame` teach; None where no draw of arms has customers in both.

    `frame`: split, plan_id, arm, churn_probability, has_churned (null where not known), and for an offer by cause
    voluntary_part and involuntary_part as they were when the arm was drawn. Draws are recalibrated apart, as their dates
    differ. Customers whose parts were not kept teach nothing. involuntary_probability, where it is there and known, lets the
    causes be off by different shares.

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


def level_of(
    frame: pl.DataFrame, left_alone: pl.DataFrame | None, *, model_version: str, day: date, window_days: int
) -> SeenLevel:
    """Return how far the probabilities of a day were off, as those held out in `frame` and those left alone beside them show.

    `left_alone`: as of `evidence_of`, with customer_id. Whoever stands beside several draws of the day counts once.
    """
    mine = _of_day(frame, day)
    beside = None if left_alone is None else _of_day(left_alone, day).unique("customer_id", maintain_order=True)
    alone = _alone(mine.filter(pl.col("arm") == "holdout"), beside)
    return see_level(*alone, model_version=model_version, day=day, window_days=window_days)


def _of_day(frame: pl.DataFrame, day: date) -> pl.DataFrame:
    return frame.filter((pl.col("snapshot_date") == day) & pl.col("has_churned").is_not_null())


def _alone(held: pl.DataFrame, beside: pl.DataFrame | None) -> tuple[Bools, Floats, Floats]:
    """Return of those whom nobody contacted whether they left, their probabilities and the involuntary parts of these."""
    frames = [held] if beside is None else [held, beside]
    return (
        np.concatenate([frame["has_churned"].to_numpy().astype(np.bool_) for frame in frames]),
        np.concatenate([frame["churn_probability"].to_numpy() for frame in frames]),
        np.concatenate([_involuntary(frame) for frame in frames]),
    )


def _involuntary(frame: pl.DataFrame) -> Floats:
    if "involuntary_probability" not in frame.columns:
        return np.zeros(frame.height)
    return np.asarray(frame["involuntary_probability"].cast(pl.Float64).fill_null(0.0).to_numpy())


def _of_draw(offer: Offer, priors: Sequence[RangePrior], draw: pl.DataFrame, beside: pl.DataFrame | None) -> Evidence:
    p, involuntary = draw["churn_probability"].to_numpy(), _involuntary(draw)
    parts = (p, np.zeros(p.size))
    if offer.success is not None:
        parts = draw["voluntary_part"].to_numpy(), draw["involuntary_part"].to_numpy()
    churned = draw["has_churned"].to_numpy().astype(np.bool_)
    treated = (draw["arm"] == "treatment").to_numpy()
    design = design_of(offer, *parts)
    correction = recalibration_by([see_level(*_alone(draw.filter(pl.col("arm") == "holdout"), beside))])
    if correction is None:
        return learn_evidence(churned, treated, p, design, priors)
    basis = _basis(priors, design[treated], correction.factor(p, involuntary)[treated])
    if beside is None or beside.is_empty():
        causes = correction.by_cause(p, involuntary)
        return replace(learn_evidence(churned, treated, p, design, priors, by_cause=causes), basis=basis)
    more = beside.height
    everyone = np.concatenate([p, beside["churn_probability"].to_numpy()])
    learnt = learn_evidence(
        np.concatenate([churned, beside["has_churned"].to_numpy().astype(np.bool_)]),
        np.concatenate([treated, np.zeros(more, dtype=np.bool_)]),
        everyone,
        np.vstack([design, np.zeros((more, design.shape[1]))]),
        priors,
        is_beside=np.concatenate([np.zeros(p.size, dtype=np.bool_), np.ones(more, dtype=np.bool_)]),
        by_cause=correction.by_cause(everyone, np.concatenate([involuntary, _involuntary(beside)])),
    )
    return replace(learnt, basis=basis)


def _basis(priors: Sequence[RangePrior], design: Floats, factor: Floats) -> tuple[float, ...]:
    """Return by what recalibration multiplied what each number acts on, over the treated; harm acts on everybody alike."""
    total = design.sum(axis=0)
    scaled = factor @ design
    return tuple(
        float(scaled[k] / total[k]) if prior.is_rate and total[k] > 0.0 else 1.0 for k, prior in enumerate(priors)
    )


def _added(earlier: Evidence, later: Evidence) -> Evidence:
    """Return two draws' evidence together; the recalibration told is that of the larger."""
    larger = max(earlier, later, key=lambda piece: piece.treated + piece.holdout)
    return replace(
        larger,
        basis=_mixed_basis(earlier, later),
        precision=tuple(
            tuple(a + b for a, b in zip(first, second, strict=True))
            for first, second in zip(earlier.precision, later.precision, strict=True)
        ),
        shift=tuple(a + b for a, b in zip(earlier.shift, later.shift, strict=True)),
        treated=earlier.treated + later.treated,
        holdout=earlier.holdout + later.holdout,
    )


def _mixed_basis(earlier: Evidence, later: Evidence) -> tuple[float, ...]:
    if not earlier.basis and not later.basis:
        return ()
    ones = (1.0,) * len(earlier.keys)
    both = [(piece.basis or ones, max(piece.treated, 1)) for piece in (earlier, later)]
    total = sum(treated for _, treated in both)
    return tuple(sum(basis[k] * treated for basis, treated in both) / total for k in range(len(ones)))


def learning_of(
    offer: Offer, evidence: Evidence, others: Sequence[Evidence], levels: Sequence[SeenLevel] = ()
) -> OfferLearning:
    """Return the evidence of a campaign as its measurement keeps it, and what is believed with that of `others`.

    `levels` say of its days how far the probabilities were off.
    """
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
        basis=evidence.basis,
        levels=tuple(MeasuredLevel(**vars(level)) for level in levels),
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
        basis=learning.basis,
    )


def levels_in(learning: OfferLearning) -> list[SeenLevel]:
    """Return how far probabilities were off on the days of a measurement."""
    return [SeenLevel(**dict(level)) for level in learning.levels]
