"""Exact Shapley values of trees against the definition, shap, and XGBoost itself; networks against sampled ones."""

from __future__ import annotations

from itertools import combinations
from math import factorial

import numpy as np
import pytest

from churn.errors import ModelError
from churn.modeling.reasons.kernel import tree_contributions
from churn.modeling.reasons.network import network_contributions
from churn.modeling.reasons.paths import lay_out
from churn.modeling.reasons.trees import CategorySets, Ensemble, Tree, read_forest, read_xgboost
from churn.modeling.reasons.walk import TreeWalk

ROWS, COLUMNS = 1500, 9


@pytest.fixture(scope="module")
def rows():
    rng = np.random.default_rng(5)
    x = rng.normal(size=(ROWS, COLUMNS)).astype(np.float32)
    x[:, 3] = np.round(x[:, 3])
    x[rng.random(x.shape) < 0.1] = np.nan
    x[:, 8] = 1  # tells nothing
    signal = np.nan_to_num(x)
    odds = signal[:, 0] + signal[:, 1] * signal[:, 2] - np.isnan(x[:, 4]) + 0.5 * signal[:, 3] - 1
    return x, (rng.random(ROWS) < 1 / (1 + np.exp(-odds))).astype(int)


@pytest.fixture(scope="module", params=[1, 3, 6])
def booster(request, rows):
    import xgboost

    x, y = rows
    settings = {"max_depth": request.param, "eta": 0.3, "objective": "binary:logistic", "nthread": 1}
    return xgboost.train(settings, xgboost.DMatrix(x, y), 20)


@pytest.fixture(scope="module", params=[{"max_depth": 4}, {"max_leaf_nodes": 40, "max_depth": 10}, {}])
def forest(request, rows):
    from sklearn.ensemble import RandomForestClassifier

    x, y = rows
    return RandomForestClassifier(n_estimators=6, random_state=0, min_samples_leaf=3, **request.param).fit(x, y)


def explained(ensemble, x, **options):
    paths = lay_out(ensemble, np.arange(x.shape[1]), x.shape[1])
    return tree_contributions(paths, x, **options), paths.base_score


def goes_left(tree, node, seen):
    if np.isnan(seen):
        return tree.missing_left[node]
    start, size = tree.sets.start[node], tree.sets.size[node]
    if size:
        return not (seen < size and tree.sets.held[start + int(seen)])
    return seen < tree.threshold[node]


def by_definition(tree, row):
    """Shapley values from all coalitions, with the value of a coalition by walking the tree."""

    def value(node, known):
        if tree.left[node] < 0:
            return tree.value[node]
        left, right, f = tree.left[node], tree.right[node], tree.feature[node]
        if f in known:
            return value(left if goes_left(tree, node, row[f]) else right, known)
        share = tree.cover[left] / (tree.cover[left] + tree.cover[right])
        return share * value(left, known) + (1 - share) * value(right, known)

    count = len(row)
    result = np.zeros(count)
    for f in range(count):
        others = [o for o in range(count) if o != f]
        for size in range(count):
            weight = factorial(size) * factorial(count - size - 1) / factorial(count)
            for known in combinations(others, size):
                result[f] += weight * (value(0, {*known, f}) - value(0, set(known)))
    return result, value(0, set())


def test_contributions_are_the_shapley_values_of_the_definition():
    tree = Tree(  # feature 0 comes twice on one path, and missing values go right, left, right
        left=np.array([1, 3, -1, -1, 5, -1, -1], dtype=np.int32),
        right=np.array([2, 4, -1, -1, 6, -1, -1], dtype=np.int32),
        feature=np.array([0, 1, 0, 0, 0, 0, 0], dtype=np.int32),
        threshold=np.array([1.0, 0.5, 0, 0, -1.0, 0, 0], dtype=np.float32),
        missing_left=np.array([0, 1, 0, 0, 0, 0, 0], dtype=bool),
        value=np.array([0, 0, 5.0, -2.0, 0, 7.0, 1.0]),
        cover=np.array([100.0, 60.0, 40.0, 25.0, 35.0, 5.0, 30.0]),
    )
    x = np.array([[a, b, 0] for a in (-2, 0, 2, np.nan) for b in (0, 1, np.nan)], dtype=np.float32)
    found, base = explained(Ensemble((tree,), 0.25, 3), x)
    for row, contributions in zip(x, found, strict=True):
        expected, expected_base = by_definition(tree, row)
        assert contributions == pytest.approx(expected, abs=1e-6)
        assert base == pytest.approx(expected_base + 0.25)


def test_splits_by_category_have_the_shapley_values_of_the_definition_too():
    tree = Tree(  # feature 0, a category, comes twice on one path
        left=np.array([1, 3, -1, -1, 5, -1, -1], dtype=np.int32),
        right=np.array([2, 4, -1, -1, 6, -1, -1], dtype=np.int32),
        feature=np.array([0, 1, 0, 0, 0, 0, 0], dtype=np.int32),
        threshold=np.array([0, 0.5, 0, 0, 0, 0, 0], dtype=np.float32),
        missing_left=np.array([0, 1, 0, 0, 1, 0, 0], dtype=bool),
        value=np.array([0, 0, 5.0, -2.0, 0, 7.0, 1.0]),
        cover=np.array([100.0, 60.0, 40.0, 25.0, 35.0, 5.0, 30.0]),
        category_sets=CategorySets(
            start=np.array([0, 0, 0, 0, 3, 0, 0]),
            size=np.array([3, 0, 0, 0, 2, 0, 0]),
            held=np.array([True, False, True, False, True]),  # 0 and 2 go right first, then 1
        ),
    )
    x = np.array([[a, b] for a in (0, 1, 2, 3, np.nan) for b in (0, 1, np.nan)], dtype=np.float32)
    many, base = explained(Ensemble((tree,), 0.25, 2), x)
    for row, contributions in zip(x, many, strict=True):
        expected, expected_base = by_definition(tree, row)
        assert contributions == pytest.approx(expected, abs=1e-6)
        assert base == pytest.approx(expected_base + 0.25)
        assert np.array_equal(explained(Ensemble((tree,), 0.25, 2), row[None])[0][0], contributions)


def test_a_booster_that_splits_by_category_is_read_to_the_last_bit():
    import xgboost

    rng = np.random.default_rng(8)
    x = rng.normal(size=(ROWS, 3)).astype(np.float32)
    x[:, 1], x[:, 2] = rng.integers(0, 40, ROWS), rng.integers(0, 3, ROWS)
    odds = x[:, 0] + rng.normal(size=40)[x[:, 1].astype(int)] + (x[:, 2] == 1) - 1
    y = (rng.random(ROWS) < 1 / (1 + np.exp(-odds))).astype(int)
    kinds = ["q", "c", "c"]
    matrix = xgboost.DMatrix(x, y, feature_types=kinds, enable_categorical=True)
    booster = xgboost.train({"max_depth": 4, "objective": "binary:logistic", "nthread": 1}, matrix, 20)
    x[:5, 1], x[5:9, 1] = 77, np.nan  # a category never seen, and none
    matrix = xgboost.DMatrix(x, feature_types=kinds, enable_categorical=True)

    ensemble = read_xgboost(booster)
    assert any(tree.sets.size.any() for tree in ensemble.trees)
    margin = booster.predict(matrix, output_margin=True)
    assert np.array_equal(TreeWalk(ensemble, np.float32).raw_scores(x), margin.astype(np.float64))
    assert np.array_equal(booster.inplace_predict(x, predict_type="margin"), margin), "as candidates score"
    expected = booster.predict(matrix, pred_contribs=True)
    contributions, base = explained(ensemble, x)
    assert np.abs(contributions - expected[:, :-1]).max() < 1e-5
    assert base == pytest.approx(float(expected[0, -1]), abs=1e-5)
    assert np.array_equal(np.concatenate([explained(ensemble, row[None])[0] for row in x[:40]]), contributions[:40])


def test_contributions_agree_with_xgboost(booster, rows):
    import xgboost

    expected = booster.predict(xgboost.DMatrix(rows[0]), pred_contribs=True)
    found, base = explained(read_xgboost(booster), rows[0])
    assert np.abs(found - expected[:, :-1]).max() < 1e-5
    assert base == pytest.approx(float(expected[0, -1]), abs=1e-5)


@pytest.mark.filterwarnings("ignore:The set_:PendingDeprecationWarning")  # shap calls matplotlib by its old names
def test_contributions_agree_with_shap(forest, rows):
    import shap

    x = rows[0][:60]
    explainer = shap.TreeExplainer(forest)
    expected = explainer.shap_values(x, check_additivity=False)[..., 1]
    found, base = explained(read_forest(forest), x)
    assert np.abs(found - expected).max() < 1e-6
    assert base == pytest.approx(float(explainer.expected_value[1]), abs=1e-6)


def test_a_boosters_contributions_add_up_to_its_margin(booster, rows):
    import xgboost

    found, base = explained(read_xgboost(booster), rows[0])
    margin = booster.predict(xgboost.DMatrix(rows[0]), output_margin=True)
    assert np.abs(found.sum(axis=1) + base - margin).max() < 1e-5


def test_a_forests_contributions_add_up_to_its_probability(forest, rows):
    found, base = explained(read_forest(forest), rows[0])
    assert np.abs(found.sum(axis=1) + base - forest.predict_proba(rows[0])[:, 1]).max() < 1e-6


def test_a_feature_that_no_tree_asks_for_contributes_nothing(forest, booster, rows):
    for ensemble in (read_forest(forest), read_xgboost(booster)):
        found, _ = explained(ensemble, rows[0])
        assert not found[:, 8].any()


def test_one_hot_columns_are_summed_to_their_feature(booster, rows):
    ensemble = read_xgboost(booster)
    single, _ = explained(ensemble, rows[0])
    groups = np.array([0, 0, 1, 1, 1, 2, 2, 2, 2])
    found = tree_contributions(lay_out(ensemble, groups, 4), rows[0])
    expected = np.stack([single[:, groups == g].sum(axis=1) for g in range(4)], axis=1)
    assert found.shape == (ROWS, 4)
    assert np.abs(found - expected).max() < 1e-5


def test_the_number_of_threads_changes_no_bit(forest, rows):
    x = np.tile(rows[0], (3, 1))
    one, _ = explained(read_forest(forest), x, threads=1)
    three, _ = explained(read_forest(forest), x, threads=3)
    assert np.array_equal(one, three)


def test_fewer_trees_are_read_when_early_stopping_asks_for_it(booster, rows):
    import xgboost

    found, base = explained(read_xgboost(booster, tree_count=5), rows[0])
    margin = booster.predict(xgboost.DMatrix(rows[0]), output_margin=True, iteration_range=(0, 5))
    assert np.abs(found.sum(axis=1) + base - margin).max() < 1e-5


def test_a_tree_without_splits_only_moves_the_base(rows):
    leaf = Tree(
        *(np.array([v]) for v in (-1, -1, 0)), np.zeros(1, np.float32), np.zeros(1, bool), np.ones(1), np.ones(1)
    )
    found, base = explained(Ensemble((leaf, leaf), 0.5, COLUMNS), rows[0])
    assert base == 2.5
    assert not found.any()


def test_no_rows_give_no_contributions(booster):
    found, _ = explained(read_xgboost(booster), np.empty((0, COLUMNS), dtype=np.float32))
    assert found.shape == (0, COLUMNS)


def test_a_booster_that_drops_trees_is_refused(rows):
    import xgboost

    x, y = rows
    params = {"booster": "dart", "objective": "binary:logistic", "rate_drop": 0.9, "verbosity": 0}
    with pytest.raises(ModelError, match=r"cannot be explained exactly"):
        read_xgboost(xgboost.train(params, xgboost.DMatrix(x, y), 6))


@pytest.fixture(scope="module")
def network():
    rng = np.random.default_rng(3)
    sizes = [(6, 8), (8, 4), (4, 1)]
    return [rng.normal(size=s) * 0.6 for s in sizes], [rng.normal(size=s[1]) * 0.3 for s in sizes]


def output(network, x):
    for level, (w, b) in enumerate(zip(*network, strict=True)):
        x = (np.maximum(x, 0) if level else x) @ w + b
    return x[:, 0]


def test_a_networks_contributions_add_up_to_its_log_odds(network):
    rng = np.random.default_rng(1)
    x, references = rng.normal(size=(400, 6)).astype(np.float32), rng.normal(size=(12, 6)).astype(np.float32)
    found, base = network_contributions(*network, x, references)
    assert base == pytest.approx(output(network, references).mean(), abs=1e-5)
    assert np.abs(found.sum(axis=1) + base - output(network, x)).max() < 1e-4


def test_a_networks_contributions_are_close_to_its_shapley_values(network):
    rng = np.random.default_rng(2)
    x, references = rng.normal(size=(30, 6)).astype(np.float32), rng.normal(size=(12, 6)).astype(np.float32)
    found, _ = network_contributions(*network, x, references)
    exact = np.zeros_like(found, dtype=float)
    for f in range(6):
        others = [o for o in range(6) if o != f]
        for size in range(6):
            weight = factorial(size) * factorial(5 - size) / factorial(6)
            for known in combinations(others, size):
                with_f, without = [*known, f], list(known)
                mixed = np.repeat(references[None], len(x), axis=0)
                mixed[:, :, without] = x[:, None, without]
                low = output(network, mixed.reshape(-1, 6)).reshape(len(x), -1).mean(axis=1)
                mixed[:, :, with_f] = x[:, None, with_f]
                high = output(network, mixed.reshape(-1, 6)).reshape(len(x), -1).mean(axis=1)
                exact[:, f] += weight * (high - low)
    assert np.corrcoef(found.ravel(), exact.ravel())[0, 1] > 0.95
    assert np.abs(found - exact).mean() < 0.4 * np.abs(exact).mean()


def test_a_row_like_every_reference_has_no_contributions(network):
    x = np.ones((3, 6), dtype=np.float32)
    found, _ = network_contributions(*network, x, x)
    assert np.abs(found).max() < 1e-5
