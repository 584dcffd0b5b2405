"""Hazards over months: the law that made the data is found, the gate lets true ones pass, and says what is missing."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from churn.config import TrainingSettings
from churn.decisions.lifetime import months_after_save, months_kept
from churn.documents.model_card import ModelCard
from churn.modeling import ServedModel
from churn.modeling.lifetime import Lifetime, learn_lifetime, lifetime_lines
from churn.modeling.lifetime.serving import LifetimeFile
from churn.snapshots.policy import SnapshotPolicy
from tests.modeling.lifetime.made_up import training_set, true_hazards
from tests.modeling.made_up import train

pytestmark = pytest.mark.xdist_group("lifetime")
SETTINGS = TrainingSettings(min_churners=20, min_stayers=20)


@cache
def model() -> ServedModel:
    data = replace(training_set(), times=None)
    return train(data, candidates=["logistic_regression"]).model


@cache
def learnt() -> LifetimeFile:
    return learn_lifetime(model(), training_set(), training=SETTINGS)


def later() -> pl.DataFrame:
    return training_set(seed=99, snapshots=1, customers=2_000).frame


def test_the_law_that_made_the_data_is_found() -> None:
    frame, file = later(), learnt()
    assert file.hazards is not None
    truth = true_hazards(frame["trouble"].to_numpy(), frame["plan_b"].to_numpy())
    first = truth[:, 0].sum(axis=1)
    figures = Lifetime(file.hazards).figures(model().matrix(frame), first)
    kept, saved = months_kept(truth[:, :12]), months_after_save(truth)
    assert np.abs(figures.months_kept - kept).mean() < 0.35
    assert np.corrcoef(figures.months_kept, kept)[0, 1] > 0.97
    assert figures.months_kept.mean() == pytest.approx(kept.mean(), abs=0.2)
    assert figures.months_after_save.mean() == pytest.approx(saved.mean(), rel=0.08)
    inside = (figures.months_kept_low <= kept) & (kept <= figures.months_kept_high)
    assert inside.mean() > 0.6  # the level of the late months is common to all, so customers err together


def test_the_chance_of_the_first_month_is_the_probability_that_pages_show() -> None:
    frame, file = later(), learnt()
    assert file.hazards is not None
    matrix = model().matrix(frame)
    p = model().predict(frame).churn_probability
    figures = Lifetime(file.hazards).figures(matrix, p)
    assert figures.within[:, 0] == pytest.approx(p, abs=1e-12)
    assert np.all(np.diff(figures.within, axis=1) >= 0)
    assert np.all((figures.months_kept_low <= figures.months_kept) & (figures.months_kept <= figures.months_kept_high))


def test_true_hazards_pass_the_gate_and_the_card_says_so() -> None:
    verdict = learnt().verdict
    assert verdict.is_passed, verdict.reasons
    assert verdict.causes == ("voluntary", "involuntary")
    assert verdict.judged_months == 6
    assert [horizon.days for horizon in verdict.horizons] == [30, 90, 180]
    assert verdict.brier is not None
    assert verdict.brier_everyone is not None
    assert verdict.brier < verdict.brier_everyone
    words = "\n".join(lifetime_lines(verdict))
    assert "The gate is passed" in words
    assert "| 180 days |" in words
    assert ModelCard.model_fields["lifetime"].default is None


def test_hazards_that_changed_since_fail_the_gate() -> None:
    file = learn_lifetime(model(), training_set(drift=0.8), training=SETTINGS)
    assert not file.verdict.is_passed
    assert any("within 180 days" in reason for reason in file.verdict.reasons)
    assert "the constant months of [business] stay" in "\n".join(lifetime_lines(file.verdict))


def test_the_same_data_give_the_same_file_and_it_reads_back(tmp_path: Path) -> None:
    again = learn_lifetime(model(), training_set(), training=SETTINGS)
    assert again.as_json() == learnt().as_json()
    assert LifetimeFile.read(again.as_json(), where=str(tmp_path)) == again


@pytest.mark.parametrize(
    ("snapshots", "words"),
    [(4, "history is too short: the oldest of 4 snapshots was followed for 4 months"), (1, "history is too short")],
)
def test_too_short_a_history_is_told(snapshots: int, words: str) -> None:
    file = learn_lifetime(model(), training_set(snapshots=snapshots, customers=3_000), training=SETTINGS)
    assert file.hazards is None
    assert words in file.verdict.reasons[0]
    assert "Nothing is said of months ahead" in "\n".join(lifetime_lines(file.verdict))


def test_where_silence_is_churn_nobody_is_followed() -> None:
    data = training_set(snapshots=2)
    assert data.times is not None
    silent = replace(data, policy=SnapshotPolicy(definition="inactivity"), times=data.times.clear())
    assert "churn is silence" in learn_lifetime(model(), silent, training=SETTINGS).verdict.reasons[0]


def test_too_few_losses_are_told() -> None:
    data = training_set(customers=8)
    assert "fewer than 100 losses" in learn_lifetime(model(), data, training=SETTINGS).verdict.reasons[0]
