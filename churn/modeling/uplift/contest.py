"""Predicts uplift out of fold for every pair of learner and candidate, so that none is judged on customers it saw."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from churn.errors import NotEnoughData
from churn.modeling.candidates import Candidate
from churn.modeling.encoding.columns import Floats
from churn.modeling.encoding.encoder import TREES, Encoder, LearningRows, Matrix, Recipe, fit_encoder
from churn.modeling.uplift.learners import ArmRows, Estimators, Learner, learn_outcomes
from churn.progress import Progress

FOLDS = 5
MIN_EACH = 25  # customers of each outcome in each arm: with fewer, folds hold too few to learn from


@dataclass(frozen=True)
class Experiment:
    """A randomised campaign's customers: features, `stayed` (n,) 0/1, `treated` (n,) bool."""

    frame: pl.DataFrame
    features: tuple[str, ...]
    stayed: Floats
    treated: NDArray[np.bool_]

    def rows(self, index: NDArray[np.int64]) -> Experiment:
        """Return some of the customers."""
        return Experiment(self.frame[index], self.features, self.stayed[index], self.treated[index])


@dataclass(frozen=True)
class Fitted:
    """One learner with one candidate inside, fitted."""

    learner: Learner
    entry: Candidate
    encoder: Encoder
    estimators: Estimators
    treated_share: float

    def uplift(self, X: Matrix) -> Floats:
        """Return tau of encoded rows, (n,)."""
        return self.learner.predict(self.entry, self.estimators, X, self.treated_share)


def require_both_arms(experiment: Experiment) -> None:
    """Raise NotEnoughData naming the arm and the outcome of which there are too few."""
    for arm, rows in (("treatment", experiment.treated), ("holdout", ~experiment.treated)):
        stayed = int(experiment.stayed[rows].sum())
        for outcome, number in (("stayed", stayed), ("did not stay", int(rows.sum()) - stayed)):
            if number < MIN_EACH:
                raise NotEnoughData(
                    f"only {number} customers of the {arm} {outcome}; at least {MIN_EACH} are needed to learn uplift",
                    where=f"{arm} of {int(rows.sum()):,} customers",
                    remedy="Wait for more outcomes, or keep a larger holdout next time.",
                )


def folds(experiment: Experiment, seed: int) -> NDArray[np.int64]:
    """Return the fold of each customer, (n,): each holds its share of both arms and of both outcomes."""
    rng = np.random.default_rng(seed)
    fold = np.empty(experiment.stayed.size, dtype=np.int64)
    group = 2 * experiment.treated + (experiment.stayed > 0)
    for cell in range(4):
        rows = rng.permutation(np.flatnonzero(group == cell))
        fold[rows] = (np.arange(rows.size) + cell) % FOLDS
    return fold


def fit_pairs(experiment: Experiment, learners: Sequence[Learner], entry: Candidate, seed: int) -> list[Fitted]:
    """Fit each learner with `entry` inside; the models of the two arms, which some share, are fitted once."""
    customer = np.arange(experiment.stayed.size)
    rows = LearningRows(experiment.frame, experiment.stayed, np.ones(customer.size), customer)
    encoder, matrix = fit_encoder(rows, experiment.features, _recipe(entry), seed=seed)
    arms = ArmRows(matrix, experiment.stayed, experiment.treated)
    known: Estimators = {}

    def outcomes() -> Estimators:
        if not known:
            known.update(learn_outcomes(entry, arms, seed))
        return known

    return [
        Fitted(learner, entry, encoder, dict(learner.learn(entry, arms, seed, outcomes)), arms.treated_share)
        for learner in learners
    ]


def _recipe(entry: Candidate) -> Recipe:
    """Return how the features are encoded; codes of categories are for learners that are told which columns hold them."""
    return TREES if entry.recipe.has_codes else entry.recipe


def cross_fitted_uplift(
    experiment: Experiment,
    learners: Sequence[Learner],
    bases: Sequence[Candidate],
    *,
    seed: int,
    progress: Progress,
) -> dict[tuple[str, str], Floats]:
    """Return for each (learner, candidate) the uplift (n,) predicted by models that did not see the customer.

    Models of different folds differ in level by chance: where training folds hold a larger effect, the fold left out
    holds a smaller one. Predictions are therefore ranked within their fold, then given the pooled predictions' values.
    """
    fold = folds(experiment, seed)
    predicted = {(learner.name, entry.name): np.empty(fold.size) for entry in bases for learner in learners}
    steps = FOLDS * len(bases)
    for number in range(FOLDS):
        seen, unseen = experiment.rows(np.flatnonzero(fold != number)), np.flatnonzero(fold == number)
        held = experiment.frame[unseen]
        for place, entry in enumerate(bases):
            done = (number * len(bases) + place) / (steps + len(bases))
            progress.step(f"Learning uplift with {entry.title.lower()}, fold {number + 1} of {FOLDS}", done)
            for fitted in fit_pairs(seen, learners, entry, seed):
                predicted[fitted.learner.name, entry.name][unseen] = fitted.uplift(fitted.encoder.transform(held))
    return {pair: _aligned(uplift, fold) for pair, uplift in predicted.items()}


def _aligned(uplift: Floats, fold: NDArray[np.int64]) -> Floats:
    from scipy.stats import rankdata

    place = np.empty(uplift.size)
    for number in range(FOLDS):
        rows = fold == number
        place[rows] = (rankdata(uplift[rows]) - 0.5) / rows.sum()
    return np.asarray(np.quantile(uplift, place))
