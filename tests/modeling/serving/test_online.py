"""Rows scored one by one get what they would get in a frame, to the last bit."""

from __future__ import annotations

import json

import numpy as np
import polars as pl
import pytest

from churn.errors import ModelError
from churn.modeling import ServedModel, explain, reasons_json
from churn.modeling.encoding.encoder import LINEAR, NATIVE, TREES, LearningRows, Recipe, fit_encoder
from churn.modeling.reasons.explain import explainer_of
from churn.modeling.reasons.trees import read_forest, read_xgboost
from churn.modeling.reasons.walk import TreeWalk
from churn.modeling.serving.online import RowEncoder, online_scorer
from tests.modeling import made_up


@pytest.fixture(
    scope="module",
    params=[
        "logistic_regression",
        "random_forest",
        "xgboost",
        "native_xgboost",
        "hist_gradient_boosting",
        "mlp",
        "average",
    ],
)
def model(request: pytest.FixtureRequest) -> ServedModel:
    if request.param == "average":
        return made_up.averaged().model
    return made_up.train(made_up.customers(count=200), candidates=[request.param], tune_minutes=0).model


def test_a_row_is_encoded_scored_and_explained_as_in_a_frame(model: ServedModel) -> None:
    frame = made_up.customers(count=30, dates=2, seed=5).with_columns(
        plan=pl.when(pl.int_range(pl.len()) % 7 == 0).then(pl.lit("never seen")).otherwise("plan"),
        city=pl.when(pl.int_range(pl.len()) % 5 == 0).then(None).otherwise("city"),
    )
    rows = frame.select(model.feature_names).to_dicts()
    told = [json.loads(text) for text in reasons_json(explain(model, frame), frame, model.features, top=5)]
    predicted, reasons = online_scorer(model).explain(rows)
    assert np.array_equal(online_scorer(model).matrix(rows), model.matrix(frame))
    np.testing.assert_allclose(predicted.churn_probability, model.predict(frame).churn_probability, rtol=1e-6)
    assert [[reason.as_json() for reason in row] for row in reasons] == told


@pytest.mark.parametrize("recipe", [LINEAR, TREES, NATIVE], ids=lambda recipe: recipe.name)
def test_a_category_of_many_values_is_encoded_as_in_a_frame(recipe: Recipe) -> None:
    rng = np.random.default_rng(3)
    city = rng.integers(0, 20, 4_000)
    y = (rng.random(4_000) < np.where(city < 10, 0.1, 0.5)).astype(np.float64)
    frame = pl.DataFrame({"city": [f"c{i}" for i in city], "usage": rng.normal(size=4_000)})
    encoder, _ = fit_encoder(LearningRows(frame, y, np.ones(4_000), np.arange(4_000)), frame.columns, recipe, seed=1)
    assert encoder.unused == ()
    some = pl.DataFrame({"city": ["c3", " c17", "elsewhere", "", None], "usage": [0.5, None, -1.0, 2.0, 0.0]})
    assert np.array_equal(RowEncoder(encoder).matrix(some.to_dicts()), encoder.transform(some))


@pytest.mark.parametrize("kind", ["random_forest", "xgboost"])
def test_trees_walked_in_flat_arrays_say_what_their_library_says(kind: str) -> None:
    model = made_up.train(made_up.customers(count=200), candidates=[kind], tune_minutes=0).model
    matrix = model.matrix(made_up.customers(count=300, dates=2, seed=9))
    trees = (read_forest if kind == "random_forest" else read_xgboost)(model.estimator)
    walk = TreeWalk(trees, np.float32 if kind == "xgboost" else np.float64)
    # Values on a threshold, and unknown ones, decide at the same side.
    edges = np.repeat(matrix[:1], 50, axis=0)
    tree = trees.trees[0]
    for number, row in enumerate(edges):
        node = number % tree.left.size
        row[tree.feature[node]] = tree.threshold[node] if number % 2 else np.nan
    for rows in (matrix, edges[1::2], matrix[:0], matrix[:1]):
        told = model.raw_scores(rows) if len(rows) else np.empty(0)
        np.testing.assert_allclose(walk.raw_scores(rows), told, rtol=0, atol=0 if kind == "xgboost" else 1e-12)


@pytest.mark.parametrize("kind", ["random_forest", "xgboost"])
def test_one_row_is_explained_to_the_last_bit_as_among_many(kind: str) -> None:
    model = made_up.train(made_up.customers(count=200), candidates=[kind], tune_minutes=0).model
    matrix = model.matrix(made_up.customers(count=60, dates=2, seed=3))
    matrix[::3, ::4] = np.nan
    explain_rows = explainer_of(model)
    together, _ = explain_rows(matrix)
    for row, expected in zip(matrix, together, strict=True):
        alone, _ = explain_rows(row[None])
        assert np.array_equal(alone[0], expected)


def test_text_numbers_read_as_numbers_and_other_text_is_refused(model: ServedModel) -> None:
    rows = [{"number_of_payment_failures_60d": " 3 "}, {"number_of_payment_failures_60d": 3}]
    one, two = online_scorer(model).matrix(rows)
    assert np.array_equal(one, two)
    with pytest.raises(ModelError, match="number_of_payment_failures_60d"):
        online_scorer(model).predict([{"number_of_payment_failures_60d": "three"}])
