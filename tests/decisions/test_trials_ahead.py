"""Which offers are foreseen on trial is what planning would decide of each company, and luck draws as many as it would."""

from __future__ import annotations

import numpy as np
import pytest

from churn.decisions.doubt import prospect_of_belief, trial_sizes
from churn.decisions.effect import RangePrior, believe
from churn.decisions.priced_arm import PricedArm
from churn.decisions.trials_ahead import admitted

ROWS, WEIGHT, COMPANIES = 400, 5.0, 3
SURE, DOUBTFUL = RangePrior("all", 0.3, 0.4, 0.5), RangePrior("all", -0.1, 0.1, 0.3)


def offers():
    rng = np.random.default_rng(3)
    p, value = rng.beta(2, 10, ROWS), np.full(ROWS, 80.0)
    may = np.ones(ROWS, dtype=np.bool_)
    arms = [
        PricedArm("sure", (SURE,), p[:, None], 0.5, 0.0, may),
        PricedArm("maybe", (DOUBTFUL,), p[:, None], 0.5, 0.0, may),
    ]
    profit = np.stack([value * p * 0.4 - 0.5, value * p * 0.1 - 0.5], axis=1)
    choice = np.where(np.arange(ROWS) < 200, 0, np.where(profit[:, 1] > 0, 1, -1))
    return arms, profit, choice, value


def everyone(table):
    return np.broadcast_to(table, (COMPANIES, *table.shape))


def test_by_the_files_the_same_offers_are_on_trial_on_as_many_customers() -> None:
    arms, profit, choice, value = offers()
    prospects = []
    for k, arm in enumerate(arms):
        rows = np.flatnonzero(choice == k).repeat(int(WEIGHT))  # a row stands for five customers
        prospects.append(prospect_of_belief(profit[rows, k], value[rows], arm.design[rows], believe(arm.priors)))
    sizes = trial_sizes(prospects)
    assert sizes[0] is None
    assert sizes[1] is not None
    luck = np.random.default_rng(1).random((COMPANIES, ROWS, 2))
    may = admitted(arms, everyone(choice), everyone(profit), everyone(profit), value, WEIGHT, None, luck)
    assert may is not None
    assert may[:, :, 0].all()
    drawn = WEIGHT * (may[:, :, 1] & (profit[:, 1] > 0.0)).sum(axis=1)
    assert drawn.mean() == pytest.approx(sizes[1], rel=0.4)


def test_nobody_is_limited_once_outcomes_say_that_all_offers_earn() -> None:
    arms, profit, choice, value = offers()
    precision = [np.full((COMPANIES, 1, 1), 1e6)] * 2
    luck = np.ones((COMPANIES, ROWS, 2))
    assert admitted(arms, everyone(choice), everyone(profit), everyone(profit), value, WEIGHT, precision, luck) is None


def test_each_company_has_trials_of_its_own() -> None:
    arms, profit, choice, value = offers()
    precision = [np.full((COMPANIES, 1, 1), 1e6), np.array([1e6, 1e-6, 1e6]).reshape(-1, 1, 1)]
    luck = np.ones((COMPANIES, ROWS, 2))
    may = admitted(arms, everyone(choice), everyone(profit), everyone(profit), value, WEIGHT, precision, luck)
    assert may is not None
    assert may[:, :, 1].all(axis=1).tolist() == [True, False, True]
