"""How each kind of model learns from a matrix and gives raw scores; heavy libraries are imported when one is used."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from churn.modeling.encoding.columns import Floats
from churn.modeling.encoding.encoder import Matrix
from churn.modeling.plain_trees import PlainTrees
from churn.modeling.reasons.hist_boosting import read_hist_boosting

_PATIENCE_ROUNDS = 25
_MAX_ROUNDS = 350
_BINS = 128
_PATIENCE_EPOCHS = 4
_MAX_EPOCHS = 30
_TREE_ROWS = 20_000
_LEAVES = 96
_SCORE_ROWS = 8_192
_THREAD_CELLS = 20_000_000  # with fewer rows, threads wait for each other longer than they work


Parameters = Mapping[str, float]  # of a candidate, by name; whole numbers stay whole


@dataclass(frozen=True)
class Columns:
    """What a learner may have to know of the columns of a matrix, (m,) each.

    `is_code`: holds codes of a category. `direction`: 1 where risk may only rise with it, -1 where it may only fall, 0
    where it may do either.
    """

    is_code: NDArray[np.bool_]
    direction: NDArray[np.int8]


@dataclass(frozen=True)
class Sample:
    """A matrix (n, m) with outcomes 0/1 and weights, each (n,); without `columns` all are numbers that may go either way."""

    X: Matrix
    y: Floats
    weight: Floats
    columns: Columns | None = None

    @property
    def directions(self) -> list[int] | None:
        """The direction of each column; None where none has one."""
        return self.columns.direction.tolist() if self.columns and self.columns.direction.any() else None

    def rows(self, index: Any) -> Sample:
        """Return the rows that `index` picks."""
        return Sample(self.X[index], self.y[index], self.weight[index], self.columns)


@dataclass(frozen=True)
class Learnt:
    """A fitted estimator, and the rounds or epochs at which fitting stopped, for the next fit to use."""

    estimator: Any
    stopped_at: dict[str, float] = field(default_factory=dict)


Learn = Callable[[Sample, Parameters, int, Sample | None], Learnt]
Score = Callable[[Any, Matrix], Floats]


def weighted_log_loss(y: Floats, p: Floats, weight: Floats) -> float:
    """Return the weighted log loss."""
    p = np.clip(p, 1e-7, 1.0 - 1e-7)
    return float(np.average(-(y * np.log(p) + (1.0 - y) * np.log1p(-p)), weights=weight))


def cross_fitted(
    learn: Learn, score: Score, data: Sample, params: Parameters, fold: NDArray[np.int64], seed: int
) -> Floats:
    """Return out-of-fold raw scores (n,): each row is scored by a model trained on the other folds; `fold` (n,) numbers them."""
    result = np.empty(data.y.size)
    for k in range(int(fold.max()) + 1):
        held = fold == k
        if held.any():
            result[held] = score(learn(data.rows(~held), params, seed, None).estimator, data.X[held])
    return result


def learn_logistic(data: Sample, params: Parameters, seed: int, _watch: Sample | None) -> Learnt:
    """Fit ridge-penalised logistic regression; `params`: C, the inverse strength of the penalty."""
    from sklearn.linear_model import LogisticRegression

    estimator = LogisticRegression(C=params["C"], max_iter=1_000, tol=1e-4, random_state=seed)
    return Learnt(estimator.fit(data.X.astype(np.float64), data.y, sample_weight=data.weight))


def score_linear(estimator: Any, X: Matrix) -> Floats:
    """Return log-odds, (n,)."""
    return np.asarray(X.astype(np.float64) @ estimator.coef_[0] + float(estimator.intercept_[0]))


def learn_forest(data: Sample, params: Parameters, seed: int, _watch: Sample | None) -> Learnt:
    """Fit a random forest. Each tree sees at most 20,000 rows: more cost time without a measurable gain.

    Trees of many leaves serve slowly, and only few rows gain by them: from 20,000 rows on a tree has 96 at most.
    """
    from sklearn.ensemble import RandomForestClassifier

    estimator = RandomForestClassifier(
        n_estimators=params["trees"],
        max_leaf_nodes=min(int(params["leaves"]), max(_LEAVES, _LEAVES * _TREE_ROWS // len(data.y))),
        max_depth=10,
        min_samples_leaf=max(1, min(params["min_leaf"], len(data.y) // 50)),
        max_features=params["feature_share"],
        max_samples=min(0.999, _TREE_ROWS / len(data.y)),
        monotonic_cst=data.directions,
        n_jobs=-1,
        random_state=seed,
    )
    return Learnt(estimator.fit(data.X, data.y, sample_weight=data.weight))


def score_forest(estimator: Any, X: Matrix) -> Floats:
    """Return the mean of the trees' churn shares, (n,); trees are added in order, so that the bytes are the same."""
    trees = [(tree.tree_, np.ascontiguousarray(tree.tree_.value[:, 0, 1])) for tree in estimator.estimators_]
    result = np.empty(len(X), dtype=np.float64)

    def score(first: int) -> None:
        part = np.ascontiguousarray(X[first : first + _SCORE_ROWS], dtype=np.float32)
        total = np.zeros(len(part))
        for tree, share in trees:
            total += share[tree.apply(part)]
        result[first : first + _SCORE_ROWS] = total / len(trees)

    with ThreadPoolExecutor() as pool:
        for done in [pool.submit(score, first) for first in range(0, len(X), _SCORE_ROWS)]:
            done.result()
    return result


def learn_xgboost(data: Sample, params: Parameters, seed: int, watch: Sample | None) -> Learnt:
    """Fit gradient-boosted trees; with `watch` rows, rounds stop once their log loss no longer falls.

    Columns of codes are split by sets of categories.
    """
    import xgboost

    settings = {
        "objective": "binary:logistic",
        "tree_method": "hist",
        "max_bin": _BINS,
        "max_depth": params["depth"],
        "eta": params["eta"],
        "min_child_weight": params["min_child_weight"],
        "subsample": params["subsample"],
        "colsample_bytree": params["feature_share"],
        "lambda": params["l2"],
        "seed": seed,
        "verbosity": 0,
        "nthread": 1 if data.X.size < _THREAD_CELLS else 0,
        "eval_metric": "logloss",
    }
    if data.directions is not None:
        settings["monotone_constraints"] = f"({','.join(map(str, data.directions))})"
    kinds = None
    if data.columns is not None and data.columns.is_code.any():
        kinds = ["c" if is_code else "q" for is_code in data.columns.is_code]
    # Weights average 1, so that min_child_weight means the same number of rows whatever was sampled.
    scale = 1.0 / float(data.weight.mean())
    threads = settings["nthread"]
    train = xgboost.QuantileDMatrix(
        data.X,
        label=data.y,
        weight=data.weight * scale,
        max_bin=_BINS,
        nthread=threads or None,
        feature_types=kinds,
        enable_categorical=kinds is not None,
    )
    if watch is None:
        return Learnt(xgboost.train(settings, train, num_boost_round=int(params.get("rounds", 200))))
    held = xgboost.QuantileDMatrix(
        watch.X,
        label=watch.y,
        weight=watch.weight * scale,
        max_bin=_BINS,
        ref=train,
        nthread=threads or None,
        feature_types=kinds,
        enable_categorical=kinds is not None,
    )
    booster = xgboost.train(
        settings,
        train,
        num_boost_round=_MAX_ROUNDS,
        evals=[(held, "watch")],
        early_stopping_rounds=_PATIENCE_ROUNDS,
        verbose_eval=False,
    )
    rounds = booster.best_iteration + 1
    return Learnt(booster[:rounds], {"rounds": rounds})


def score_xgboost(estimator: Any, X: Matrix) -> Floats:
    """Return log-odds, (n,)."""
    return np.asarray(estimator.inplace_predict(X, predict_type="margin"), dtype=np.float64)


def learn_hist_boosting(data: Sample, params: Parameters, seed: int, watch: Sample | None) -> Learnt:
    """Fit scikit-learn's boosted trees, grown leaf by leaf; with `watch` rows, keep the rounds of their lowest log loss.

    What is kept are the plain trees, with the weight of the training rows that passed each node: scikit-learn's own nodes
    count rows, so that reasons would start at another mean than that of the weighted rows.
    """
    from sklearn.ensemble import HistGradientBoostingClassifier
    from threadpoolctl import threadpool_limits

    scale = 1.0 / float(data.weight.mean())
    estimator = HistGradientBoostingClassifier(
        learning_rate=params["eta"],
        max_iter=int(params.get("rounds", 150)) if watch is None else _MAX_ROUNDS,
        max_leaf_nodes=int(params["leaves"]),
        min_samples_leaf=max(1, min(int(params["min_leaf"]), len(data.y) // 50)),
        l2_regularization=params["l2"],
        max_features=params["feature_share"],
        max_bins=_BINS - 1,
        monotonic_cst=data.directions,
        early_stopping=watch is not None,
        n_iter_no_change=_PATIENCE_ROUNDS,
        tol=0.0,
        random_state=seed,
    )
    held = {} if watch is None else {"X_val": watch.X, "y_val": watch.y, "sample_weight_val": watch.weight * scale}
    with threadpool_limits(limits=1 if data.X.size < _THREAD_CELLS else None, user_api="openmp"):
        estimator.fit(data.X, data.y, sample_weight=data.weight * scale, **held)
    if watch is None:
        return Learnt(PlainTrees(read_hist_boosting(estimator, data.X, data.weight)))
    rounds = max(1, int(np.argmax(estimator.validation_score_)))  # the first score is that of no tree
    return Learnt(PlainTrees(read_hist_boosting(estimator, data.X, data.weight, rounds=rounds)), {"rounds": rounds})


def score_plain_trees(estimator: PlainTrees, X: Matrix) -> Floats:
    """Return log-odds, (n,)."""
    return estimator.scores(X)


def learn_mlp(data: Sample, params: Parameters, seed: int, watch: Sample | None) -> Learnt:
    """Fit a two-layer network by epochs; with `watch` rows, stop once their log loss no longer falls."""
    from scipy.special import expit
    from sklearn.neural_network import MLPClassifier

    weight = data.weight / data.weight.mean()
    estimator = MLPClassifier(
        hidden_layer_sizes=(int(params["width"]), int(params["width"]) // 2),
        alpha=params["alpha"],
        learning_rate_init=params["rate"],
        batch_size=min(len(data.y), 256 if len(data.y) < 40_000 else 512),
        random_state=seed,
    )
    epochs = int(params.get("epochs", 12)) if watch is None else _MAX_EPOCHS
    best_loss, best_epoch = np.inf, 0
    best: tuple[list[Any], list[Any]] = ([], [])
    for epoch in range(1, epochs + 1):
        estimator.partial_fit(data.X, data.y, classes=[0.0, 1.0], sample_weight=weight)
        if watch is None:
            continue
        loss = weighted_log_loss(watch.y, expit(score_mlp(estimator, watch.X)), watch.weight)
        if loss < best_loss - 1e-5:
            best_loss, best_epoch = loss, epoch
            best = ([w.copy() for w in estimator.coefs_], [b.copy() for b in estimator.intercepts_])
        elif epoch - best_epoch >= _PATIENCE_EPOCHS:
            break
    if watch is None or not best[0]:
        return Learnt(estimator)
    estimator.coefs_, estimator.intercepts_ = best
    return Learnt(estimator, {"epochs": best_epoch})


def score_mlp(estimator: Any, X: Matrix) -> Floats:
    """Return the output before its logistic function, log-odds, (n,)."""
    layer = X
    last = len(estimator.coefs_) - 1
    for i, (weights, bias) in enumerate(zip(estimator.coefs_, estimator.intercepts_, strict=True)):
        layer = layer @ weights.astype(np.float32) + bias.astype(np.float32)
        if i < last:
            np.maximum(layer, 0.0, out=layer)
    return layer[:, 0].astype(np.float64)
