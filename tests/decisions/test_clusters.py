"""Arms that were assigned as whole groups: intervals are those of groups, whatever number of customers they hold."""

from __future__ import annotations

import math

import numpy as np
import pytest

from churn.decisions.clusters import design_effect, effect_of_groups, grouped_mean
from churn.decisions.experiment import newcombe
from churn.decisions.rollout import policy_worth, worth_by_groups

SHOPS = np.repeat(np.arange(8), [4, 6, 5, 5, 4, 6, 5, 5])
ARM = np.isin(SHOPS, [0, 2, 4, 6])


def drawn(rng: np.random.Generator, shops: int, customers: int, spread: float):
    """Shops of which half are treated, without any effect, whose churn differs by `spread`."""
    sizes = rng.poisson(customers, shops) + 2
    groups = np.repeat(np.arange(shops), sizes)
    treated = rng.permutation(np.arange(shops) % 2 == 1)[groups]
    churn = np.clip(0.15 + rng.normal(0, spread, shops), 0, 1)[groups]
    lost = (rng.random(groups.size) < churn).astype(float)
    return lost, treated, groups


def effect_of(lost: np.ndarray, treated: np.ndarray):
    return newcombe(int(lost[treated].sum()), int(treated.sum()), int(lost[~treated].sum()), int((~treated).sum()))


def test_the_variance_of_a_mean_is_that_of_the_groups() -> None:
    values = np.array([1.0, 1.0, 0.0, 0.0, 0.0, 1.0])
    part = grouped_mean(values, np.array([7, 7, 8, 8, 9, 9]))
    # Totals around the mean of 1/2: 1, -1, 0. Their squares' sum, 2, times 3/2, over 6 customers squared.
    assert part.mean == 0.5
    assert part.variance == pytest.approx(2.0 * 1.5 / 36)
    assert math.isinf(grouped_mean(values, np.zeros(6, dtype=np.int64)).variance)


def test_groups_of_one_customer_each_are_customers_drawn_one_by_one() -> None:
    lost, treated, _ = drawn(np.random.default_rng(3), 20, 100, 0.0)
    alone = np.arange(lost.size)
    plain = effect_of(lost, treated)
    grouped = effect_of_groups(plain, lost, treated, alone)
    assert (grouped.low, grouped.high) == pytest.approx((plain.wald_low, plain.wald_high), abs=2e-3)
    assert design_effect(lost, treated, alone) == pytest.approx(1.0, abs=1e-9)


def test_without_an_effect_groups_are_called_proof_no_more_often_than_agreed() -> None:
    """Of customers taken one by one every third such experiment proves something that is not there."""
    rng = np.random.default_rng(1)
    naive = grouped = 0
    for _ in range(300):
        lost, treated, groups = drawn(rng, 40, 225, 0.04)
        plain = effect_of(lost, treated)
        by_groups = effect_of_groups(plain, lost, treated, groups)
        naive += plain.is_proven or plain.is_harmful
        grouped += by_groups.is_proven or by_groups.is_harmful
        assert by_groups.low <= plain.low
        assert by_groups.high >= plain.high
    assert naive > 75
    assert grouped <= 24  # of 300 15 are expected, and more than 24 come once in a hundred times


def test_money_of_everybody_has_the_same_mean_and_an_interval_of_groups() -> None:
    lost, treated, groups = drawn(np.random.default_rng(5), 40, 225, 0.04)
    net = 10.0 * (1.0 - lost)
    plain = policy_worth(net, treated, np.ones(net.size, dtype=bool))
    grouped = worth_by_groups(net, treated, groups, is_everybody=True)
    assert grouped.gain.value == plain.gain.value
    assert grouped.gain.high - grouped.gain.low > 1.5 * (plain.gain.high - plain.gain.low)
    effect = effect_of_groups(effect_of(lost, treated), lost, treated, groups)
    assert (grouped.gain.low, grouped.gain.high) == pytest.approx(
        (10 * net.size * effect.low, 10 * net.size * effect.high), rel=1e-9
    )
    nobody = worth_by_groups(net, treated, groups, is_everybody=False)
    assert nobody.over_everybody.low == pytest.approx(-grouped.gain.high)
    assert (nobody.gain.low, nobody.gain.high) == (0.0, 0.0)


def test_the_p_value_belongs_to_the_interval() -> None:
    rng = np.random.default_rng(8)
    for _ in range(50):
        lost, treated, groups = drawn(rng, 12, 60, 0.03)
        effect = effect_of_groups(effect_of(lost, treated), lost, treated, groups)
        assert (effect.p_value < 0.05) == (effect.is_proven or effect.is_harmful)


def test_one_group_in_an_arm_proves_nothing() -> None:
    lost = np.where(ARM, 0.0, 1.0)
    groups = np.where(ARM, 0, SHOPS)
    effect = effect_of_groups(effect_of(lost, ARM), lost, ARM, groups)
    assert not effect.is_proven
    assert effect.p_value == 1.0
