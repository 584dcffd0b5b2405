"""Arms that were split within strata at shares of their own, and arms that differ in what nobody named."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from churn.bootstrap import build_context
from churn.context import Context
from churn.decisions.experiment import sample_ratio_test, sample_ratio_test_of_strata
from churn.errors import ConfigError, ContractBroken
from churn.workflows.experiment import ExperimentFile, analyse_experiment, read_experiment

QUICK = {"learners": ("t_learner",), "bases": ("logistic_regression",)}
WORTH, COST = 100.0, 1.0


@pytest.fixture
def context(tmp_path: Path) -> Context:
    return build_context(home=tmp_path / "home")


@pytest.fixture
def trial(tmp_path: Path) -> ExperimentFile:
    """Four in five of those who hardly leave were treated, one in five of those who often do; 3 points more left of each."""
    rng = np.random.default_rng(1)
    is_low = rng.random(6_000) < 0.5
    treated = rng.random(6_000) < np.where(is_low, 0.8, 0.2)
    left = rng.random(6_000) < np.where(is_low, 0.05, 0.30) + 0.03 * treated
    pl.DataFrame(
        {
            "stratum": np.where(is_low, "low", "high"),
            "arm": treated.astype(int),
            "age": rng.integers(18, 80, 6_000),
            "left": left.astype(int),
        }
    ).write_csv(tmp_path / "strata.csv")
    return ExperimentFile(
        tmp_path / "strata.csv", "arm", "left", is_unwanted=True, value=WORTH, cost=COST, strata="stratum"
    )


def by_hand(path: Path) -> tuple[float, float, float, float]:
    """Return effect, its normal half width, gain in money, and its normal half width, of each stratum weighed by its customers."""
    frame = pl.read_csv(path)
    effect = variance = 0.0
    for (_,), stratum in frame.group_by("stratum"):
        t, c = (stratum.filter(arm=arm)["left"].to_numpy() for arm in (1, 0))
        share = stratum.height / frame.height
        effect += share * (c.mean() - t.mean())
        variance += share**2 * (t.var(ddof=1) / t.size + c.var(ddof=1) / c.size)
    half = 1.96 * variance**0.5
    return effect, half, frame.height * (effect * WORTH - COST), frame.height * half * WORTH


def test_strata_of_unequal_shares_are_compared_within_themselves(context, trial) -> None:
    document = analyse_experiment(context, trial, **QUICK).document
    effect, half, gain, money = by_hand(trial.path)
    assert document.verdict == "harms"
    assert document.effect is not None
    assert document.effect.delta == pytest.approx(effect, abs=1e-12)
    assert document.effect.high - document.effect.low == pytest.approx(2 * half, rel=0.01)
    everybody = document.policy("everybody")
    assert everybody is not None
    assert everybody.gain.value == pytest.approx(gain, abs=1e-6)
    assert everybody.gain.high - everybody.gain.low == pytest.approx(2 * money, rel=0.01)
    assert document.policy("some") is None
    assert "within each value of `stratum`" in document.words.notes[0]


def test_an_effect_that_is_none_among_those_alike_is_not_proven(context, trial) -> None:
    """Over all rows it seems to keep 13 points, for it was given to those who hardly leave."""
    unnamed = analyse_experiment(context, replace(trial, strata=None), **QUICK).document
    assert unnamed.effect is not None
    assert unnamed.effect.low > 0.1
    assert (unnamed.verdict, unnamed.advice) == ("no_proof", "contact_nobody")
    assert [doubt.column for doubt in unnamed.doubts] == ["stratum"]
    assert unnamed.doubts[0].within.delta == pytest.approx(by_hand(trial.path)[0], abs=1e-12)
    assert "say --strata 'stratum'" in unnamed.words.advice
    left_out = analyse_experiment(context, replace(trial, strata=None, exclude=("stratum",)), **QUICK).document
    assert left_out.verdict == "works"  # whoever says that it was made afterwards is believed
    assert left_out.doubts == ()


def test_the_planned_share_is_held_to_each_stratum(context, trial) -> None:
    """Half of all were treated, and of neither stratum."""
    document = analyse_experiment(context, replace(trial, planned_share=0.5), **QUICK).document
    assert document.verdict == "split_broken"
    assert "leave --planned-share out" in next(part.sentence for part in document.words.story if part.code == "split")
    overall = analyse_experiment(context, replace(trial, strata=None, planned_share=0.5), **QUICK).document
    assert overall.split.state == "as_planned"


def test_strata_that_are_as_planned_are_seldom_called_broken() -> None:
    rng = np.random.default_rng(3)
    sizes = np.array([40, 300, 2_000])
    p_values = np.array(
        [
            sample_ratio_test_of_strata([(int(n - held), int(held)) for n, held in zip(sizes, drawn, strict=True)], 0.3)
            for drawn in rng.binomial(sizes, 0.3, (2_000, 3))
        ]
    )
    assert 0.035 < np.mean(p_values < 0.05) < 0.065
    assert sample_ratio_test_of_strata([(70, 30)], 0.25) == pytest.approx(sample_ratio_test(70, 30, 0.25), rel=1e-9)
    assert sample_ratio_test_of_strata([(400, 0), (0, 400)], 0.5) < 1e-60


def test_a_stratum_of_one_arm_alone_is_refused(context, trial) -> None:
    with pytest.raises(ContractBroken, match="are all in one arm, and nobody compares with them"):
        analyse_experiment(context, replace(trial, strata="arm"), **QUICK)
    with pytest.raises(ConfigError, match="groups that were drawn within strata"):
        analyse_experiment(context, replace(trial, group="age"), **QUICK)
    with pytest.raises(ConfigError, match="no column `strata`"):
        analyse_experiment(context, replace(trial, strata="strata"), **QUICK)


@pytest.mark.parametrize(
    ("lost", "remedy"), [(60, "Write 0 where nothing happened"), (0, "60.0 % of the treated and 10.0 %")]
)
def test_outcomes_that_are_missing_in_one_arm_are_not_to_be_written_as_nothing(
    tmp_path, lost: int, remedy: str
) -> None:
    arm = np.repeat([1, 0], 100)
    left = [None] * 60 + [0, 1] * 20 + [None] * max(lost, 10) + [0] * (100 - max(lost, 10))
    pl.DataFrame({"arm": arm, "left": left}, schema_overrides={"left": pl.Int64}).write_csv(tmp_path / "a.csv")
    with pytest.raises(ContractBroken) as refused:
        read_experiment(ExperimentFile(tmp_path / "a.csv", "arm", "left", is_unwanted=True))
    assert remedy in str(refused.value)


def test_one_worth_for_all_is_not_told_as_money_beside_the_effect(context, tmp_path) -> None:
    """Four of 1,500 left, all of one arm: an interval over amounts that do not vary would call it proven."""
    frame = {"arm": np.repeat([1, 0], 1_500), "left": [0] * 1_500 + [1] * 4 + [0] * 1_496}
    pl.DataFrame(frame).write_csv(tmp_path / "a.csv")
    file = ExperimentFile(tmp_path / "a.csv", "arm", "left", is_unwanted=True, value=100.0, cost=0.01)
    document = analyse_experiment(context, file, **QUICK).document
    assert document.verdict == "no_proof"
    assert not [note for note in document.words.notes if note.startswith("In money")]
