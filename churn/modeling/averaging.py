"""An average of candidates: a weighted sum of their raw scores, so that its reasons are the sum of theirs, exactly."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from churn.modeling.encoding.columns import Floats

_LEAST_SHARE = 0.05  # of the spread of the average: a member that contributes less is dropped, for it only costs time
_PRIOR = 50.0  # ridge penalty that pulls the weights towards a plain average


@dataclass(frozen=True)
class Weights:
    """What turns members' raw scores (n, k) into the log-odds of the average: a constant, and a weight of each."""

    intercept: float
    weights: tuple[float, ...]

    def __call__(self, scores: Floats) -> Floats:
        """Return the log-odds, (n,)."""
        return np.asarray(self.intercept + scores @ np.array(self.weights), dtype=np.float64)


@dataclass(frozen=True)
class Member:
    """One model of an average: its candidate's name, its columns of the average's matrix, and the weight of its score."""

    name: str
    estimator: Any  # what it is is up to the candidate's library
    first_column: int
    last_column: int
    weight: float

    @property
    def columns(self) -> slice:
        """Where its columns are."""
        return slice(self.first_column, self.last_column)


@dataclass(frozen=True, eq=False)  # one fitted average is itself and no other: explanations are cached by it
class Average:
    """A fitted average: its raw score is the intercept plus each member's raw score times its weight, in log-odds."""

    intercept: float
    members: tuple[Member, ...]


def fit_weights(scores: Floats, y: Floats) -> Weights:
    """Return the weights, none below 0, for which the weighted sum of `scores` (n, k) has the lowest log loss against `y` (n,).

    The scores must come from models that were not trained on these rows. A member that contributes less than 5 % of the spread of
    the sum gets weight 0. This is stacked generalisation on log-odds (Breiman 1996).
    """
    kept = np.ones(scores.shape[1], dtype=np.bool_)
    while True:
        intercept, weights = _fit(scores[:, kept], y)
        moved = weights * scores[:, kept].std(axis=0)
        weak = moved < _LEAST_SHARE * moved.sum()
        if not weak.any():
            break
        kept[np.flatnonzero(kept)[weak]] = False
    full = np.zeros(scores.shape[1])
    full[kept] = weights
    return Weights(intercept, tuple(full.tolist()))


def cross_fitted_average(scores: Floats, y: Floats, fold: NDArray[np.int64]) -> Floats:
    """Return the average's score (n,) of each row, by weights that were fitted on the other folds' rows."""
    result = np.empty(y.size)
    for k in np.unique(fold):
        held = fold == k
        result[held] = fit_weights(scores[~held], y[~held])(scores[held])
    return result


def _fit(scores: Floats, y: Floats) -> tuple[float, Floats]:
    """Return intercept and weights, shrunk towards a plain average of the calibrated members: the fewer rows, the more."""
    spread = np.maximum(scores.std(axis=0), 1e-9)
    centre = scores.mean(axis=0)
    X = (scores - centre) / spread
    count = X.shape[1]
    plain = np.array([_minimum(X[:, [i]], y, np.zeros(1), 0.0)[1] for i in range(count)]) / count
    theta = _minimum(X, y, plain, _PRIOR)
    weights: Floats = theta[1:] / spread
    return float(theta[0] - weights @ centre), weights


def _minimum(X: Floats, y: Floats, start: Floats, prior: float) -> Floats:
    """Return the intercept and weights, none below 0, that minimise log loss plus `prior` times their squared distance from `start`."""
    from scipy.optimize import minimize
    from scipy.special import expit, logit

    def loss(theta: Floats) -> tuple[float, Floats]:
        z, away = theta[0] + X @ theta[1:], theta[1:] - start
        apart = expit(z) - y
        slope = np.concatenate([[apart.sum()], X.T @ apart + prior * away]) / y.size
        return float(np.sum(np.logaddexp(0.0, z) - y * z) + prior / 2.0 * away @ away) / y.size, slope

    first = np.concatenate([[logit(np.clip(y.mean(), 1e-4, 1.0 - 1e-4))], start])
    bounds = [(None, None), *[(0.0, 20.0)] * X.shape[1]]
    return np.asarray(minimize(loss, first, jac=True, bounds=bounds, method="L-BFGS-B").x)
