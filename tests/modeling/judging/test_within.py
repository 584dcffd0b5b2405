from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from churn.modeling import card_markdown
from churn.modeling.judging.ranking import area_under_roc
from churn.modeling.judging.within import within_lines, within_segments
from tests.modeling.made_up import customers, train

N = 4_000


def judged(*, rates: tuple[float, float], slope: float):
    """Two plans of unlike rates; within each the score tells as much as `slope` gives it."""
    rng = np.random.default_rng(1)
    plan = rng.random(N) < 0.5
    own = rng.normal(size=N)
    base = np.where(plan, rates[0], rates[1])
    odds = np.log(base / (1 - base)) + slope * own
    y = (rng.random(N) < 1 / (1 + np.exp(-odds))).astype(float)
    p = 1 / (1 + np.exp(-odds))
    frame = pl.DataFrame({"plan": np.where(plan, "month", "year"), "has_churned": y > 0})
    alone = area_under_roc(base, y)
    return within_segments(frame, p, "plan", headline=area_under_roc(p, y), alone=alone)


def test_a_headline_that_is_the_plans_doing_is_said_to_be():
    found = judged(rates=(0.9, 0.05), slope=0.3)
    assert found.headline > 0.9
    assert found.headline - found.alone < 0.03
    assert 0.5 < found.within < 0.65
    assert found.is_segments_doing
    assert found.sentence.startswith("Most of the headline is the doing of `plan`: the AUC over all customers is 0.9")


def test_a_model_that_tells_equals_apart_is_said_to():
    found = judged(rates=(0.2, 0.15), slope=1.5)
    assert not found.is_segments_doing
    assert found.sentence.startswith("It tells people of the same `plan` apart")
    assert {segment.segment for segment in found.segments} == {"month", "year"}
    for segment in found.segments:
        low, high = segment.auc_interval
        assert low < segment.auc < high
        assert high - low == pytest.approx(0.07, abs=0.03)


def test_segments_of_few_churners_say_nothing():
    frame = pl.DataFrame({"plan": ["a"] * 50, "has_churned": [True] * 10 + [False] * 40})
    assert within_segments(frame, np.linspace(0, 1, 50), "plan", headline=0.5, alone=0.5) is None
    assert within_lines(None) == []


def test_the_card_has_it():
    card = train(customers(count=900), candidates=["logistic_regression"]).card
    assert card.within is not None
    assert card.within.feature == "plan"
    assert "## Within segments" in card_markdown(card)
