"""Says what training an uplift model found: one sentence for people, figures for documents."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl

from churn.decisions.experiment import Effect
from churn.decisions.uplift import BestRanking, QiniCurve, UpliftDecile
from churn.documents.document import Range
from churn.documents.uplift import (
    ArmDifference,
    ContactEffect,
    Contender,
    DecileEffect,
    GainPoint,
    HarmFindings,
    LearnerPair,
    QiniSpan,
    UpliftFigures,
)
from churn.modeling.candidates import candidate
from churn.modeling.uplift.balance import Imbalance
from churn.modeling.uplift.harm import HarmSearch
from churn.modeling.uplift.learners import LEARNERS
from churn.modeling.uplift.model import UpliftModel

METHOD: Final = (
    "Each prediction comes from models that did not see the customer (five folds, ranks taken within each). The interval "
    "of the best ranking is simultaneous over all that were tried, so that the luckiest is not taken for good; customers "
    "are drawn anew within each arm."
)
FALLBACK: Final = "contacts are chosen by expected profit from risk"
HARM: Final = "nobody is to be contacted"
_CURVE_POINTS = 101


@dataclass(frozen=True)
class UpliftWords:
    """`outcome` names what contact was to bring: retention, or the column of an experiment's file."""

    outcome: str

    def finding(self, effect: Effect, best: BestRanking, thirds: Sequence[UpliftDecile]) -> str:
        """Return what contact does on average, and whether it can be told for whom it does more."""
        span = f"{points(effect.low)} to {points(effect.high)}"
        known = "" if effect.is_proven or effect.is_harmful else ", which may be nothing"
        average = f"Contact changes {self.outcome} by {points(effect.delta)} points on average ({span}{known})"
        if effect.is_harmful:
            return f"{average}: contact does harm, so {HARM}."
        qini = f"Qini {best.interval.qini:.3f}, {best.low:.3f} to {best.high:.3f}"
        if not best.beats_chance:
            tried = f"none of {len(best.qini)} models tells" if len(best.qini) > 1 else "the model does not tell"
            return f"{average}; {tried} better than chance for whom it does more (best {qini}), so {FALLBACK}."
        top, low = _measured(thirds[0]), _measured(thirds[-1])
        return (
            f"{average}, and for whom matters: {top} points among the third predicted to gain most, "
            f"{low} among the third predicted to gain least ({qini}; {title(*best.name.split('/'))})."
        )

    def figures(self, result: UpliftResult) -> UpliftFigures:
        """Return everything that was found."""
        best, effect = result.best, result.effect
        interval, model = best.interval, result.model
        return UpliftFigures(
            sentence=result.sentence,
            is_better_than_nothing=result.is_better_than_nothing,
            outcome=self.outcome,
            customers=interval.customers,
            treated=effect.treatment,
            held_out=effect.holdout,
            treated_share=interval.treated_share,
            effect=_effect(effect),
            selected=LearnerPair(learner=model.learner, base=model.base, title=title(model.learner, model.base)),
            qini=QiniSpan(
                value=interval.qini, low=best.low, high=best.high, alone_low=interval.low, alone_high=interval.high
            ),
            auuc=Range(value=interval.auuc, low=interval.auuc_low, high=interval.auuc_high),
            confidence=interval.confidence,
            draws=interval.draws,
            convention=interval.convention,
            method=METHOD,
            deciles=tuple(_decile(decile) for decile in result.deciles),
            curve=_curve(result),
            contenders=tuple(
                Contender(learner=learner, base=base, title=title(learner, base), qini=qini)
                for learner, base, qini in result.contenders
            ),
            harm=HarmFindings(
                looked_at=result.harm.looked_at,
                suspected=result.harm.suspected,
                groups=tuple(group.document() for group in result.harm.groups),
                sentence=_harm(result),
            ),
            imbalances=tuple(
                ArmDifference(feature=column.feature, p_value=column.p_value, sentence=column.sentence)
                for column in result.imbalances
            ),
            seed=result.seed,
        )


def title(learner: str, base: str) -> str:
    """Return what a pair is called."""
    return f"{LEARNERS[learner].title} on {candidate(base).title[:1].lower()}{candidate(base).title[1:]}".replace(
        "xGBoost", "XGBoost"
    )


def points(share: float) -> str:
    """Return a difference of shares in percentage points, with its sign."""
    return f"{100 * share:+.1f}"


def _measured(decile: UpliftDecile) -> str:
    return "unknown" if decile.effect is None else points(decile.effect.delta)


def _effect(effect: Effect) -> ContactEffect:
    return ContactEffect(
        delta=effect.delta,
        low=effect.low,
        high=effect.high,
        p_value=effect.p_value,
        rate_treated=1.0 - effect.churn_treatment,
        rate_held_out=1.0 - effect.churn_holdout,
    )


def _decile(decile: UpliftDecile) -> DecileEffect:
    return DecileEffect(
        decile=decile.decile,
        customers=decile.customers,
        treated=None if decile.effect is None else decile.effect.treatment,
        held_out=None if decile.effect is None else decile.effect.holdout,
        predicted=decile.predicted,
        effect=None if decile.effect is None else _effect(decile.effect),
    )


def _curve(result: UpliftResult) -> tuple[GainPoint, ...]:
    """Return the Qini curve per customer at evenly spaced shares, so that curves of different sizes compare."""
    curve = result.curve
    shares = np.linspace(0.0, 1.0, _CURVE_POINTS)
    q = np.interp(shares, curve.shares, curve.q) / max(result.effect.treatment, 1)
    return tuple(
        GainPoint(share=float(share), gained=float(gained), chance=float(share * q[-1]))
        for share, gained in zip(shares, q, strict=True)
    )


def _harm(result: UpliftResult) -> str:
    harm = result.harm
    tried = f"{harm.looked_at} groups were looked at on half of the customers, {harm.suspected} looked harmed"
    if not harm.groups:
        return f"Nobody is to be left alone for harm: {tried}, and none was confirmed on the other half."
    if len(harm.groups) == 1:
        return f"1 group is better left alone: {tried}, and 1 was confirmed on the other half."
    return (
        f"{len(harm.groups)} groups are better left alone: {tried}, and {len(harm.groups)} were confirmed on the "
        "other half."
    )


@dataclass(frozen=True)
class UpliftResult:
    """What a campaign taught. `curve`, `deciles` and `out_of_fold` rest on models that did not see the customer judged.

    `is_better_than_nothing`: the interval of the best ranking's Qini, which allows for its having been chosen, lies
    above 0. If not, `sentence` says that contacts fall back to expected profit from risk.
    """

    model: UpliftModel
    effect: Effect
    best: BestRanking
    curve: QiniCurve
    deciles: tuple[UpliftDecile, ...]
    thirds: tuple[UpliftDecile, ...]
    harm: HarmSearch
    imbalances: tuple[Imbalance, ...]
    out_of_fold: pl.DataFrame
    contenders: tuple[tuple[str, str, float], ...]
    words: UpliftWords
    seed: int

    @property
    def is_better_than_nothing(self) -> bool:
        """Whether contacts should go by uplift."""
        return self.best.beats_chance

    @property
    def sentence(self) -> str:
        """The finding in words."""
        return self.words.finding(self.effect, self.best, self.thirds)

    def figures(self) -> UpliftFigures:
        """Return everything that was found, as documents keep it."""
        return self.words.figures(self)
