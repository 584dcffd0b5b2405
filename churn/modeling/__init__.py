"""Modeling: trains, judges, selects, stores and explains the models that give a customer's churn probability."""

from churn.modeling.judging.card import card_markdown
from churn.modeling.lifetime import Lifetime, LifetimeFigures, learn_lifetime
from churn.modeling.reasons.explain import Explanation, explain, explain_encoded
from churn.modeling.reasons.sentences import change_reasons_json, reasons_json
from churn.modeling.registering import MadeElsewhere, judge_outside, labelled_rows
from churn.modeling.result import CandidateResult, TrainingResult
from churn.modeling.serving.lifetimes import load_lifetime
from churn.modeling.serving.registry import (
    load_bundle,
    load_card,
    load_evaluation,
    load_extra,
    load_unlearnt,
    save_bundle,
)
from churn.modeling.serving.served import Predictions, ServedModel
from churn.modeling.training import train_candidates

__all__ = [
    "CandidateResult",
    "Explanation",
    "Lifetime",
    "LifetimeFigures",
    "MadeElsewhere",
    "Predictions",
    "ServedModel",
    "TrainingResult",
    "card_markdown",
    "change_reasons_json",
    "explain",
    "explain_encoded",
    "judge_outside",
    "labelled_rows",
    "learn_lifetime",
    "load_bundle",
    "load_card",
    "load_evaluation",
    "load_extra",
    "load_lifetime",
    "load_unlearnt",
    "reasons_json",
    "save_bundle",
    "train_candidates",
]
