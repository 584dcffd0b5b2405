"""Histogram gradient boosting read into plain trees: the same scores to the last bit, and reasons that start at the mean."""

from __future__ import annotations

import numpy as np
import pytest

from churn.errors import ModelError
from churn.modeling.reasons.hist_boosting import read_hist_boosting
from churn.modeling.reasons.kernel import tree_contributions
from churn.modeling.reasons.paths import lay_out
from churn.modeling.reasons.walk import TreeWalk

ROWS = 1_200


@pytest.fixture(scope="module")
def rows():
    rng = np.random.default_rng(2)
    x = rng.normal(size=(ROWS, 4)).astype(np.float32)
    x[rng.random(x.shape) < 0.1] = np.nan
    signal = np.nan_to_num(x)
    y = (rng.random(ROWS) < 1 / (1 + np.exp(-(signal[:, 0] + signal[:, 1] * signal[:, 2])))).astype(float)
    return x, y, np.where(y > 0, 1.0, 5.0)  # stayers were sampled: each stands for five


@pytest.fixture(scope="module")
def fitted(rows):
    from sklearn.ensemble import HistGradientBoostingClassifier

    x, y, weight = rows
    return HistGradientBoostingClassifier(max_iter=25, early_stopping=False).fit(x, y, sample_weight=weight)


def test_scores_are_those_of_the_library_to_the_last_bit(fitted, rows):
    x, _, weight = rows
    assert np.array_equal(TreeWalk(read_hist_boosting(fitted, x, weight)).raw_scores(x), fitted.decision_function(x))


def test_reasons_start_at_the_mean_of_the_weighted_rows_and_add_up_to_the_score(fitted, rows):
    x, _, weight = rows
    paths = lay_out(read_hist_boosting(fitted, x, weight), np.arange(4), 4)
    scores = fitted.decision_function(x)
    assert paths.base_score == pytest.approx(np.average(scores, weights=weight), abs=1e-9)
    assert abs(paths.base_score - scores.mean()) > 0.1, "the mean of the unweighted rows is another"
    assert np.abs(tree_contributions(paths, x).sum(axis=1) + paths.base_score - scores).max() < 1e-5


def test_fewer_rounds_are_read_when_early_stopping_asks_for_it(fitted, rows):
    x, _, weight = rows
    some = TreeWalk(read_hist_boosting(fitted, x, weight, rounds=5)).raw_scores(x)
    staged = [score for score, _ in zip(fitted.staged_decision_function(x), range(5), strict=False)]
    assert np.array_equal(some, staged[-1].ravel())


def test_splits_by_category_and_more_classes_are_refused(rows):
    from sklearn.ensemble import HistGradientBoostingClassifier

    x, y, weight = rows
    codes = np.nan_to_num(np.round(np.abs(x)))
    by_category = HistGradientBoostingClassifier(max_iter=5, categorical_features=[0, 1]).fit(codes, y)
    of_three = HistGradientBoostingClassifier(max_iter=3).fit(codes, np.arange(ROWS) % 3)
    for estimator in (by_category, of_three):
        with pytest.raises(ModelError, match="only two classes and splits by number"):
            read_hist_boosting(estimator, codes, weight)
