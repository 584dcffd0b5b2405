"""Holds learnt uplift to a real randomised campaign, where it lies beside the project: see docs/uplift.md."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from churn.decisions.rollout import policy_worth
from churn.modeling.uplift.train import average_effect, train_uplift
from churn.modeling.uplift.words import UpliftResult
from churn.workflows.experiment import ExperimentFile, read_experiment
from tests import ROOT

FILE = ROOT.parent / "shared" / "data" / "hillstrom" / "hillstrom.csv"

pytestmark = pytest.mark.skipif(
    not FILE.is_file(), reason="the Hillstrom e-mail experiment is no part of the project and not beside it"
)


def learn(arm: str) -> UpliftResult:
    rows = read_experiment(ExperimentFile(FILE, "segment", "visit", "No E-Mail", arm, exclude=("conversion", "spend")))
    # Two of the contenders are enough to see, and a twentieth of the time; docs/uplift.md has all nine.
    return train_uplift(
        rows.frame,
        rows.features,
        seed=7,
        learners=("t_learner", "x_learner"),
        bases=("logistic_regression",),
        draws=100,
        outcome="visit",
    )


def test_the_womens_mail_moves_some_and_not_others() -> None:
    found = learn("Womens E-Mail")
    assert found.effect.delta == pytest.approx(0.0452, abs=2 * 0.0032)
    assert found.is_better_than_nothing
    top, low = found.thirds[0].effect, found.thirds[-1].effect
    assert top is not None
    assert low is not None
    assert top.low > low.high
    predicted = found.out_of_fold.with_columns(womens=pl.Series(read_womens()))
    by_past = predicted.group_by("womens").agg(pl.col("uplift").mean()).sort("womens")["uplift"]
    assert by_past[1] > by_past[0] + 0.03  # those who bought women's goods before are those whom it moves


def read_womens() -> pl.Series:
    rows = pl.read_csv(FILE)
    return rows.filter(pl.col("segment").is_in(["Womens E-Mail", "No E-Mail"]))["womens"]


def test_the_mens_mail_moves_nearly_all_alike_and_that_is_said() -> None:
    found = learn("Mens E-Mail")
    assert found.effect.delta == pytest.approx(0.0766, abs=2 * 0.0034)
    assert not found.is_better_than_nothing
    assert "contacts are chosen by expected profit from risk" in found.sentence
    assert found.harm.groups == ()


@pytest.mark.parametrize(
    ("arm", "visits", "error", "spent", "spent_error"),
    [("Womens E-Mail", 0.0452, 0.0032, 0.424, 0.130), ("Mens E-Mail", 0.0766, 0.0034, 0.770, 0.145)],
)
def test_effect_and_money_are_those_that_were_published(
    arm: str, visits: float, error: float, spent: float, spent_error: float
) -> None:
    rows = read_experiment(
        ExperimentFile(FILE, "segment", "conversion", "No E-Mail", arm, value="spend", exclude=("visit",))
    )
    stayed, treated = rows.frame["is_retained"].cast(pl.Float64).to_numpy(), rows.frame["is_treated"].to_numpy()
    everybody = policy_worth(rows.prices.net(stayed, treated), treated, np.ones(treated.size, dtype=np.bool_))
    gain = everybody.gain.times(1 / treated.size)
    assert gain.value == pytest.approx(spent, abs=0.001)
    assert (gain.high - gain.low) / (2 * 1.96) == pytest.approx(spent_error, abs=0.001)
    visited = read_experiment(ExperimentFile(FILE, "segment", "visit", "No E-Mail", arm))
    effect = average_effect(visited.frame["is_retained"].cast(pl.Float64).to_numpy(), treated)
    assert effect.delta == pytest.approx(visits, abs=0.0001)
    assert (effect.high - effect.low) / (2 * 1.96) == pytest.approx(error, abs=0.0001)
