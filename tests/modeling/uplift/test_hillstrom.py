"""Holds learnt uplift to a real randomised campaign, where it lies beside the project: see docs/uplift.md."""

from __future__ import annotations

import polars as pl
import pytest

from churn.modeling.uplift.train import train_uplift
from churn.modeling.uplift.words import UpliftResult
from churn.workflows.learn_uplift import ExperimentFile, read_experiment
from tests import ROOT

FILE = ROOT.parent / "shared" / "data" / "hillstrom" / "hillstrom.csv"

pytestmark = pytest.mark.skipif(
    not FILE.is_file(), reason="the Hillstrom e-mail experiment is no part of the project and not beside it"
)


def learn(arm: str) -> UpliftResult:
    told = ExperimentFile(FILE, "segment", "visit", arm, "No E-Mail", exclude=("conversion", "spend"))
    frame, features = read_experiment(told)
    # Two of the contenders are enough to see, and a twentieth of the time; docs/uplift.md has all nine.
    return train_uplift(
        frame,
        features,
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
