"""Where risk may only rise, or only fall, with a feature, whatever serves keeps to it."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from churn.errors import ConfigError
from tests.modeling.made_up import customers, train

FRAME = customers(count=250)
DIRECTIONS = {"number_of_payment_failures_60d": "falls", "days_since_last_login": "rises"}  # the first is not so
TREES = ["random_forest", "shallow_xgboost", "xgboost", "native_xgboost", "hist_gradient_boosting"]


@pytest.mark.parametrize("name", TREES)
def test_the_probability_keeps_to_the_direction_given(name):
    model = train(FRAME, candidates=[name], monotone=DIRECTIONS).model
    for feature, sign in (("number_of_payment_failures_60d", -1), ("days_since_last_login", 1)):
        for row in range(4):
            values = pl.Series(feature, np.linspace(0, 40, 60))
            same = FRAME[row].select(pl.all().exclude(feature)).join(values.to_frame(), how="cross")
            assert (sign * np.diff(model.predict(same).raw_score) >= 0).all()


def test_without_a_direction_risk_rises_with_failures():
    model = train(FRAME, candidates=["xgboost"]).model
    same = FRAME[0].drop("number_of_payment_failures_60d")
    few, many = (same.with_columns(number_of_payment_failures_60d=pl.lit(count)) for count in (0.0, 3.0))
    assert model.predict(few).raw_score < model.predict(many).raw_score


def test_what_cannot_keep_to_a_direction_does_not_compete():
    names = ["logistic_regression", "random_forest", "shallow_xgboost", "mlp", "average"]
    result = train(FRAME, candidates=names, monotone=DIRECTIONS)
    assert {c.name for c in result.candidates if not c.is_baseline} <= {"random_forest", "shallow_xgboost", "average"}
    with pytest.raises(ConfigError, match="logistic_regression, mlp cannot keep to a direction"):
        train(FRAME, candidates=["logistic_regression", "mlp"], monotone=DIRECTIONS)


@pytest.mark.parametrize(
    ("name", "message"), [("days_since_last_logon", "days_since_last_login"), ("city", "is a category")]
)
def test_a_direction_of_no_number_is_refused(name, message):
    with pytest.raises(ConfigError, match=message):
        train(FRAME, candidates=["xgboost"], monotone={name: "rises"})
