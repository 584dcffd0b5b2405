"""Rows scored one by one get what they would get in a frame, to the last bit."""

from __future__ import annotations

import json
import time

import numpy as np
import polars as pl
import pytest

from churn.errors import ModelError
from churn.modeling import ServedModel, explain, reasons_json
from churn.modeling.forest_walk import WalkedForest
from tests.modeling import made_up


@pytest.fixture(scope="module", params=["logistic_regression", "random_forest", "xgboost", "mlp"])
def model(request: pytest.FixtureRequest) -> ServedModel:
    result = made_up.train(made_up.customers(count=200), candidates=[request.param], tune_minutes=0)
    return result.model


def test_a_row_is_encoded_scored_and_explained_as_in_a_frame(model: ServedModel) -> None:
    frame = made_up.customers(count=30, dates=2, seed=5).with_columns(
        plan=pl.when(pl.int_range(pl.len()) % 7 == 0).then(pl.lit("never seen")).otherwise("plan"),
        city=pl.when(pl.int_range(pl.len()) % 5 == 0).then(None).otherwise("city"),
    )
    rows = frame.select(model.feature_names).to_dicts()
    told = [json.loads(text) for text in reasons_json(explain(model, frame), frame, model.features, top=5)]
    predicted, reasons = model.online.explain(rows)
    assert np.array_equal(model.online.matrix(rows), model.matrix(frame))
    np.testing.assert_allclose(predicted.churn_probability, model.predict(frame).churn_probability, rtol=1e-6)
    assert reasons == told


def test_a_forest_walked_in_flat_arrays_says_what_scikit_learn_says() -> None:
    model = made_up.train(made_up.customers(count=200), candidates=["random_forest"], tune_minutes=0).model
    frame = made_up.customers(count=300, dates=2, seed=9)
    matrix = model.matrix(frame)
    walked = WalkedForest(model.estimator)
    # Values on a threshold, and unknown ones, decide at the same side.
    edges = np.repeat(matrix[:1], 50, axis=0)
    tree = model.estimator.estimators_[0].tree_
    for row, node in zip(edges, range(50), strict=True):
        row[max(tree.feature[node % tree.node_count], 0)] = tree.threshold[node % tree.node_count]
    for rows in (matrix, edges, matrix[:0], matrix[:1]):
        told = model.estimator.predict_proba(rows) if len(rows) else np.empty((0, 2))
        np.testing.assert_allclose(walked.predict_proba(rows), told, atol=1e-9)
    began = time.perf_counter()
    for row in matrix[:100]:
        walked.predict_proba(row[None])
    assert (time.perf_counter() - began) / 100 < 0.002, "one row takes longer than 2 ms"


def test_text_numbers_read_as_numbers_and_other_text_is_refused(model: ServedModel) -> None:
    rows = [{"number_of_payment_failures_60d": " 3 "}, {"number_of_payment_failures_60d": 3}]
    one, two = model.online.matrix(rows)
    assert np.array_equal(one, two)
    with pytest.raises(ModelError, match="number_of_payment_failures_60d"):
        model.online.predict([{"number_of_payment_failures_60d": "three"}])
