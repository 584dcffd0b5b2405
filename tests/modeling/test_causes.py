"""The probability by cause: additive, calibrated, shrunk where churners are few, and the same from the bundle and online."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from churn.modeling import card_markdown, load_bundle, save_bundle
from churn.modeling.serving.online import online_scorer
from tests.modeling.made_up import customers, train


def with_causes(frame: pl.DataFrame, *, slope: float = 2.0, base: float = -1.0, seed: int = 5) -> pl.DataFrame:
    """Return the frame with a cause for each churner: involuntary with odds exp(base + slope (failures - 0.6))."""
    rng = np.random.default_rng(seed)
    failures = frame["number_of_payment_failures_60d"].to_numpy()
    share = 1.0 / (1.0 + np.exp(-(base + slope * (failures - 0.6))))
    kind = np.where(rng.random(frame.height) < share, "involuntary", "voluntary")
    return frame.with_columns(pl.when(pl.col("has_churned")).then(pl.Series(kind)).alias("churn_kind"))


@pytest.fixture(scope="module")
def result():
    return train(with_causes(customers(count=900)), candidates=["logistic_regression"])


def test_the_share_follows_the_law_that_made_the_causes(result) -> None:
    frame = customers(count=900)
    failures = frame["number_of_payment_failures_60d"].to_numpy()
    truth = 1.0 / (1.0 + np.exp(-(-1.0 + 2.0 * (failures - 0.6))))
    share = result.model.causes.share(frame)
    for count in (0.0, 1.0, 2.0):
        assert share[failures == count].mean() == pytest.approx(truth[failures == count].mean(), abs=0.07)
    assert np.abs(share - truth).mean() < 0.06


def test_parts_add_up_to_the_probability_and_lie_within_it(result) -> None:
    frame = customers(count=200)
    p = result.model.predict(frame).churn_probability
    involuntary = result.model.involuntary_probability(frame, p)
    assert ((involuntary >= 0) & (involuntary <= p)).all()
    assert involuntary + (p - involuntary) == pytest.approx(p)


def test_the_card_has_a_table_and_a_gate_for_each_cause_on_rows_not_learnt_from(result) -> None:
    causes = result.card.causes
    test_rows = result.card.slice("test")
    assert causes.is_passed
    assert causes.why_constant is None
    for verdict in (causes.voluntary, causes.involuntary):
        assert sum(row.customers for row in verdict.table) == pytest.approx(test_rows.rows, abs=5)
    both = causes.voluntary.base_rate + causes.involuntary.base_rate
    assert both == pytest.approx(test_rows.churners / test_rows.rows)
    assert "## By cause" in card_markdown(result.card)


def test_the_bundle_and_single_rows_give_the_same_parts(result, tmp_path: Path) -> None:
    save_bundle(result, tmp_path / "model")
    model = load_bundle(tmp_path / "model")
    frame = customers(count=50)
    p = result.model.predict(frame).churn_probability
    expected = result.model.involuntary_probability(frame, p)
    assert np.array_equal(model.involuntary_probability(frame, p), expected)
    rows = frame.select(model.feature_names).to_dicts()
    assert online_scorer(model).involuntary_probability(rows, p) == pytest.approx(expected, abs=1e-6)


def test_training_again_gives_the_same_causes(result) -> None:
    again = train(with_causes(customers(count=900)), candidates=["logistic_regression"])
    assert again.model.causes == result.model.causes


def test_few_churners_of_a_cause_leave_everybody_at_the_base_share_and_the_card_says_so() -> None:
    frame = with_causes(customers(count=900), base=-30.0)
    few = frame.with_row_index("row").with_columns(
        pl.when((pl.col("churn_kind") == "voluntary") & (pl.col("row") % 250 == 0))
        .then(pl.lit("involuntary"))
        .otherwise("churn_kind")
        .alias("churn_kind")
    )
    result = train(few.drop("row"), candidates=["logistic_regression"])
    churners = few.filter("has_churned", ~pl.col("is_treated"))
    base = (churners["churn_kind"] == "involuntary").mean()
    assert 0 < (churners["churn_kind"] == "involuntary").sum() < 50
    assert result.model.causes.learnt is None
    assert result.model.causes.base_share == pytest.approx(base)
    assert result.card.causes.why_constant.startswith("only")


def test_causes_that_no_feature_tells_apart_leave_the_base_share() -> None:
    result = train(with_causes(customers(count=900), slope=0.0, base=-0.5), candidates=["logistic_regression"])
    share = result.model.causes.share(customers(count=200))
    assert share.std() < 0.03
    assert share.mean() == pytest.approx(1 / (1 + np.exp(0.5)), abs=0.04)


def test_data_of_one_cause_have_no_probability_by_cause() -> None:
    frame = customers()
    for only in (frame, frame.with_columns(churn_kind=pl.when("has_churned").then(pl.lit("voluntary")))):
        result = train(only, candidates=["logistic_regression"])
        assert result.model.causes is None
        assert result.card.causes is None
        assert result.model.involuntary_probability(frame, np.full(frame.height, 0.1)) is None
        assert "causes" not in result.card.as_json()
