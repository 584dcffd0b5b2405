"""How uplift is learnt from a randomised campaign, with the product's own candidates inside.

Y is 1 for a customer who stayed, W is 1 for one who was contacted, e the share contacted,
tau(x) = P(stays | x, contact) - P(stays | x, no contact) = P(churn | x, no contact) - P(churn | x, contact).

- T-learner: one model per arm, tau is their difference.
- X-learner (Kuenzel et al. 2019): what each customer's outcome differs from what the other arm's model expects is
  learnt in each arm, and the two are averaged, the larger arm's model counting for the smaller arm's share.
- Class transformation (Jaskowski and Jaroszewicz 2012), the baseline: Z = Y W + (1 - Y)(1 - W) with arms weighted
  alike; tau = 2 P(Z = 1 | x) - 1.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from churn.modeling.candidates import Candidate
from churn.modeling.encoding.columns import Floats
from churn.modeling.encoding.encoder import Matrix
from churn.modeling.learners import Parameters, Sample

# An effect is a tenth of an outcome's noise, so a model of it is held much tighter than a model of the outcome.
GENTLE: Final[Mapping[str, Parameters]] = {
    "logistic_regression": {"C": 0.01},
    "random_forest": {"leaves": 16, "min_leaf": 1_000_000},  # the learner caps it at a fiftieth of the rows
    "xgboost": {"depth": 2, "eta": 0.05, "min_child_weight": 100.0, "rounds": 60},
    "shallow_xgboost": {"depth": 2, "eta": 0.05, "min_child_weight": 100.0, "rounds": 60},
    "native_xgboost": {"depth": 2, "eta": 0.05, "min_child_weight": 100.0, "rounds": 60},
    "hist_gradient_boosting": {"leaves": 4, "eta": 0.05, "min_leaf": 1_000_000, "rounds": 60},  # capped alike
    "mlp": {"alpha": 3.0},
}


@dataclass(frozen=True)
class ArmRows:
    """An experiment's rows: matrix (n, m), `stayed` (n,) 0/1, `treated` (n,) bool."""

    X: Matrix
    stayed: Floats
    treated: NDArray[np.bool_]

    @property
    def treated_share(self) -> float:
        """Share of the rows that were contacted."""
        return float(self.treated.mean())


Estimators = dict[str, Any]  # by name; what they are is up to the candidate's library
Outcomes = Callable[[], Estimators]


@dataclass(frozen=True)
class Learner:
    """One way to learn uplift. `learn(entry, arms, seed, outcomes)` gives estimators by name, `predict` tau (n,).

    `outcomes()` gives the models of the two arms, which several learners build on; `parts` names the estimators.
    """

    name: str
    title: str
    parts: tuple[str, ...]
    learn: Callable[[Candidate, ArmRows, int, Outcomes], Estimators]
    predict: Callable[[Candidate, Estimators, Matrix, float], Floats]


def learn_outcomes(entry: Candidate, arms: ArmRows, seed: int) -> Estimators:
    """Return a model of staying for each arm, `contacted` and `left_alone`."""
    return {
        name: _fit(entry, arms.X[rows], arms.stayed[rows], np.ones(int(rows.sum())), entry.defaults, seed)
        for name, rows in (("contacted", arms.treated), ("left_alone", ~arms.treated))
    }


def probability(entry: Candidate, estimator: Any, X: Matrix) -> Floats:
    """Return what a candidate's raw scores mean as probabilities, (n,)."""
    from scipy.special import expit

    raw = entry.score(estimator, X)
    return raw if entry.raw_unit == "probability" else np.asarray(expit(raw))


def _fit(entry: Candidate, X: Matrix, y: Floats, weight: Floats, params: Parameters, seed: int) -> Any:
    return entry.learn(Sample(X, y, weight), params, seed, None).estimator


def _gentle(entry: Candidate) -> Parameters:
    return {**entry.defaults, **GENTLE.get(entry.name, {})}


def _fit_effect(entry: Candidate, X: Matrix, effect: Floats, seed: int) -> Any:
    """Learn a number in -1..1 with a classifier: each row counts (1 + effect) / 2 as a yes and the rest as a no.

    The mean of the yes share is what log loss and Gini impurity estimate, as squared error would.
    """
    share = np.clip((1.0 + effect) / 2, 0.0, 1.0)
    outcome = np.concatenate([np.ones(share.size), np.zeros(share.size)])
    return _fit(entry, np.concatenate([X, X]), outcome, np.concatenate([share, 1.0 - share]), _gentle(entry), seed)


def _learn_t(_entry: Candidate, _arms: ArmRows, _seed: int, outcomes: Outcomes) -> Estimators:
    return outcomes()


def _predict_t(entry: Candidate, estimators: Estimators, X: Matrix, _share: float) -> Floats:
    return probability(entry, estimators["contacted"], X) - probability(entry, estimators["left_alone"], X)


def _learn_x(entry: Candidate, arms: ArmRows, seed: int, outcomes: Outcomes) -> Estimators:
    models, rows = outcomes(), arms.treated
    gained = arms.stayed[rows] - probability(entry, models["left_alone"], arms.X[rows])
    missed = probability(entry, models["contacted"], arms.X[~rows]) - arms.stayed[~rows]
    return {
        "among_contacted": _fit_effect(entry, arms.X[rows], gained, seed),
        "among_left_alone": _fit_effect(entry, arms.X[~rows], missed, seed),
    }


def _predict_x(entry: Candidate, estimators: Estimators, X: Matrix, share: float) -> Floats:
    among_contacted = 2 * probability(entry, estimators["among_contacted"], X) - 1
    among_left_alone = 2 * probability(entry, estimators["among_left_alone"], X) - 1
    # Where nearly all were contacted, what each of them gained rests on few left alone, and counts for less.
    return share * among_left_alone + (1.0 - share) * among_contacted


def _learn_transformed(entry: Candidate, arms: ArmRows, seed: int, _outcomes: Outcomes) -> Estimators:
    same = (arms.stayed == arms.treated).astype(np.float64)
    share = arms.treated_share
    weight = np.where(arms.treated, 0.5 / share, 0.5 / (1.0 - share))
    return {"same": _fit(entry, arms.X, same, weight, _gentle(entry), seed)}


def _predict_transformed(entry: Candidate, estimators: Estimators, X: Matrix, _share: float) -> Floats:
    return 2 * probability(entry, estimators["same"], X) - 1


LEARNERS: Final[dict[str, Learner]] = {
    learner.name: learner
    for learner in (
        Learner("t_learner", "T-learner", ("contacted", "left_alone"), _learn_t, _predict_t),
        Learner("x_learner", "X-learner", ("among_contacted", "among_left_alone"), _learn_x, _predict_x),
        Learner("class_transformation", "Class transformation", ("same",), _learn_transformed, _predict_transformed),
    )
}
