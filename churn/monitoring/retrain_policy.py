"""When a model is to be trained anew, and on what: a pure function of facts and rules."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from churn.documents.monitoring import RetrainDecision, RetrainWindow
from churn.wording import percent

_LABELS_OF: Final = 1  # snapshot dates with labels the model has not learnt from that a training needs at least


@dataclass(frozen=True)
class RetrainFacts:
    """What the monitors found. `age_days` since the champion's newest training label matured; None: never trained.

    `decayed` names figures outside the test's interval on the newest matured cohort; `drifted_importance` is the share
    of the model that rests on features that drifted, `score_drift` and `label_drift` whether these are at act;
    `new_snapshots` and `new_rows_share` what has matured since; `days_since_training` since *any* training.
    """

    age_days: int | None
    days_since_training: int | None
    new_snapshots: int
    new_rows_share: float
    decayed: tuple[str, ...] = ()
    drifted_importance: float = 0.0
    has_score_drift: bool = False
    has_label_drift: bool = False


@dataclass(frozen=True)
class RetrainRules:
    """The limits of [monitoring]."""

    max_age_days: int = 365
    new_data_share: float = 1.0
    cooldown_days: int = 28
    drift_importance: float = 0.10


def decide_retraining(facts: RetrainFacts, rules: RetrainRules) -> RetrainDecision:
    """Decide. After a decay of results only the recent past teaches the new rules; any other reason takes all of it.

    No training is due within the cool-down after another, nor before labels have matured that the champion has not
    learnt from: the same labels give the same model.
    """
    reasons = _reasons(facts, rules)
    window: RetrainWindow = "recent" if facts.decayed or facts.has_label_drift else "all"
    if not reasons:
        return RetrainDecision(
            is_due=False,
            window=window,
            reasons=(),
            blocked_by=None,
            sentence="No training is due: nothing speaks for one.",
        )
    blocked = None
    if facts.new_snapshots < _LABELS_OF:
        blocked = "no labels have matured since the model was trained, and the same labels give the same model"
    elif facts.days_since_training is not None and facts.days_since_training < rules.cooldown_days:
        blocked = (
            f"a model was trained {facts.days_since_training} days ago, within the {rules.cooldown_days} days of rest"
        )
    listed = "; ".join(reasons)
    if blocked is not None:
        sentence = f"A training would be due ({listed}), but {blocked}."
        return RetrainDecision(is_due=False, window=window, reasons=reasons, blocked_by=blocked, sentence=sentence)
    on = "the newest snapshot dates, which know the new rules" if window == "recent" else "all snapshot dates"
    sentence = f"Train anew on {on}: {listed}."
    return RetrainDecision(is_due=True, window=window, reasons=reasons, blocked_by=None, sentence=sentence)


def _reasons(facts: RetrainFacts, rules: RetrainRules) -> tuple[str, ...]:
    reasons = []
    if facts.decayed:
        reasons.append(f"results on matured labels lie outside the test's interval ({', '.join(facts.decayed)})")
    if facts.has_label_drift:
        reasons.append("the churn rate has changed")
    if facts.drifted_importance >= rules.drift_importance and facts.drifted_importance > 0.0:
        reasons.append(f"features that carry {percent(facts.drifted_importance)} of the model have drifted")
    if facts.has_score_drift:
        reasons.append("the scores have drifted")
    if facts.age_days is not None and facts.age_days > rules.max_age_days:
        reasons.append(f"the model is {facts.age_days} days old, more than {rules.max_age_days}")
    if facts.new_rows_share >= rules.new_data_share:
        reasons.append(f"{percent(facts.new_rows_share)} as many labelled rows as it learnt from have matured since")
    return tuple(reasons)
