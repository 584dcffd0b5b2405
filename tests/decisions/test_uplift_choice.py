from __future__ import annotations

import numpy as np
import pytest

from churn.decisions.uplift import best_ranking, qini
from churn.errors import CampaignError, ConfigError

pytestmark = pytest.mark.slow


def arms(seed: int, count: int = 600, spread: float = 0.0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Outcome, arm, and the true uplift: 0.1, by `spread` more for one half and less for the other."""
    rng = np.random.default_rng(seed)
    treated, tau = rng.random(count) < 0.5, 0.1 + spread * rng.choice([-1.0, 1.0], count)
    return rng.random(count) < 0.5 + np.where(treated, tau, 0.0), treated, tau


def test_the_ranking_of_highest_qini_is_chosen_and_a_true_one_beats_chance() -> None:
    stayed, treated, tau = arms(1, 3_000, spread=0.2)
    rng = np.random.default_rng(2)
    best = best_ranking(
        stayed, treated, {"noise": rng.random(3_000), "true": tau + rng.normal(0, 0.1, 3_000)}, draws=200
    )
    assert best.name == "true"
    assert best.beats_chance
    assert best.qini["true"] == best.interval.qini == pytest.approx(qini(stayed, treated, tau)[0], abs=0.1)


def test_the_luckiest_of_many_rankings_of_noise_seldom_beats_chance() -> None:
    taken, alone = 0, 0
    for seed in range(40):
        stayed, treated, _ = arms(seed, 300)
        rng = np.random.default_rng(1_000 + seed)
        best = best_ranking(stayed, treated, {str(i): rng.random(300) for i in range(8)}, draws=80, seed=seed)
        taken += best.beats_chance
        alone += best.interval.beats_chance
    assert taken <= 4  # 2.5 % are expected
    assert alone > 2 * taken  # without allowing for the choice


def test_of_one_ranking_the_bounds_are_about_its_own() -> None:
    stayed, treated, tau = arms(3, 2_000, spread=0.1)
    best = best_ranking(stayed, treated, {"one": tau + np.random.default_rng(1).normal(0, 0.1, 2_000)}, draws=300)
    width = best.interval.high - best.interval.low
    assert best.low == pytest.approx(best.interval.low, abs=0.3 * width)
    assert best.high == pytest.approx(best.interval.high, abs=0.3 * width)


def test_the_same_seed_gives_the_same_interval_and_the_order_of_names_does_not_matter() -> None:
    stayed, treated, tau = arms(4)
    rng = np.random.default_rng(5)
    rankings = {"a": tau, "b": rng.random(600), "c": rng.random(600)}
    one = best_ranking(stayed, treated, rankings, draws=50, seed=9)
    other = best_ranking(stayed, treated, dict(reversed(rankings.items())), draws=50, seed=9)
    assert (one.name, one.low, one.high, one.interval) == (other.name, other.low, other.high, other.interval)


def test_nothing_to_choose_from_and_an_empty_arm_are_refused() -> None:
    with pytest.raises(ConfigError, match="0 rankings"):
        best_ranking([1, 0], [1, 0], {})
    with pytest.raises(CampaignError, match="both arms"):
        best_ranking([1, 0], [1, 1], {"a": [0.1, 0.2]})
