"""Probabilities by cause are published where they hold, and where they are only off in level but better than the usual share."""

from __future__ import annotations

import numpy as np
import pytest

from churn.modeling.causes import CauseModel, CauseTraining
from churn.modeling.judging.causes import judge_causes


def judged(*, told: float = 1.0, tilt: float = 1.0, rows: int = 40_000):
    """Judge shares that are `told` times the true odds of involuntary churn, and whose log-odds are `tilt` times too far apart."""
    rng = np.random.default_rng(2)
    odds = rng.normal(-1.5, 2.0, rows)
    p = np.full(rows, 0.05) * np.exp(rng.normal(0.0, 0.5, rows))
    left = rng.random(rows) < p
    involuntary = left & (rng.random(rows) < 1 / (1 + np.exp(-odds)))
    share = 1 / (1 + np.exp(-(np.log(told) + tilt * odds)))
    training = CauseTraining(
        model=CauseModel(base_share=float(involuntary.sum() / left.sum())),
        test_share=share,
        involuntary=involuntary.astype(np.float64),
        churners=(900, 300),
        why_constant=None,
    )
    return judge_causes(training, left.astype(np.float64), p)


def test_shares_that_hold_are_published() -> None:
    causes = judged()
    assert causes.is_passed
    assert causes.is_published
    assert "level" not in causes.sentence


def test_shares_whose_level_alone_is_off_are_published_and_the_card_says_so() -> None:
    causes = judged(told=1.8)
    assert not causes.is_passed
    assert causes.involuntary.mean_gap > 0.1
    assert causes.is_better_than_usual
    assert causes.is_published
    assert "The level of a cause is off" in causes.sentence


@pytest.mark.parametrize("tilt", [0.0, -1.0])
def test_shares_that_tell_nothing_apart_are_not(tilt: float) -> None:
    causes = judged(told=2.0, tilt=tilt)
    assert not causes.is_better_than_usual
    assert not causes.is_published
    assert "not published" in causes.sentence
