"""Off-policy profits: by hand on four decisions, right on average whatever the model says, and honest about what was cut."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from churn.campaigns.policy_profit import policy_profit
from churn.decisions.off_policy import (
    DecisionLog,
    OffPolicyEstimate,
    OffPolicyRefusal,
    most_of_arms,
    off_policy,
    policy_of,
)
from churn.errors import DataError

EVEN = np.full((4, 2), 0.5)
FIRST = policy_of(np.zeros(4, dtype=np.int64), 2)


def log_of(chosen, probability, profit, predicted=None, least=-100.0, most=100.0, customer=None):
    """Return a log whose bounds are the same for every decision and arm."""
    probability = np.asarray(probability, dtype=np.float64)
    full = np.ones_like(probability)
    predicted = 0.0 * full if predicted is None else np.asarray(predicted, dtype=np.float64) * full
    profit = np.asarray(profit, dtype=np.float64)
    return DecisionLog(np.asarray(chosen), probability, profit, predicted, least * full, most * full, customer)


def estimate(log, policy, **terms):
    answer = off_policy(log, policy, least_effective=terms.pop("least_effective", 0.0), **terms)
    assert isinstance(answer, OffPolicyEstimate)
    return answer


def test_four_decisions_by_hand() -> None:
    # Weights 2 for the first arm: parts 20, 0, 8, 0, mean 7, squares of 13, -7, 1, -7 add up to 268.
    answer = estimate(log_of([0, 1, 0, 1], EVEN, [10, 0, 4, 2]), FIRST)
    assert answer.profit == pytest.approx(28.0)
    assert answer.error == pytest.approx(math.sqrt(268 * 4 / 3))
    assert (answer.effective, answer.clipped, answer.unsupported) == (2.0, 0.0, 0.0)
    assert answer.low == pytest.approx(28.0 - 1.959964 * answer.error)
    assert answer.high == pytest.approx(28.0 + 1.959964 * answer.error)


def test_a_model_that_is_right_leaves_less_to_chance() -> None:
    # Parts 6 + 2 (y - 6) where the first arm was given: 14, 6, 2, 6.
    answer = estimate(log_of([0, 1, 0, 1], EVEN, [10, 0, 4, 2], predicted=[6.0, 1.0]), FIRST)
    assert answer.profit == pytest.approx(28.0)
    assert answer.error == pytest.approx(math.sqrt((49 + 1 + 25 + 1) * 4 / 3))


def test_a_weight_beyond_the_bound_is_cut_and_what_it_held_is_bounded() -> None:
    # The first arm had a chance of .1, so its weight of 10 becomes 4 and .6 of the policy is cut: of 4 decisions, 2.4.
    chances = np.tile([0.1, 0.9], (4, 1))
    answer = estimate(log_of([0, 1, 1, 1], chances, [10, 0, 0, 0], [6.0, 1.0], -2.0, 20.0), FIRST, largest_weight=4.0)
    assert answer.profit == pytest.approx(4 * 6.0 + 4.0 * (10.0 - 6.0))
    assert answer.bias_low == pytest.approx(2.4 * (-2.0 - 6.0))
    assert answer.bias_high == pytest.approx(2.4 * (20.0 - 6.0))
    assert answer.clipped == pytest.approx(0.6)
    assert answer.low < answer.profit + answer.bias_low < answer.profit + answer.bias_high < answer.high


def test_the_quantile_goes_from_two_sides_to_one_as_the_bias_grows() -> None:
    chances = np.tile([0.2, 0.8], (400, 1))
    chosen = (np.arange(400) % 5 > 0).astype(np.int64)
    log = log_of(chosen, chances, np.where(chosen, 0.0, 3.0), most=1e6, least=-1e6)
    policy = policy_of(np.zeros(400, dtype=np.int64), 2)
    cut = estimate(log, policy, largest_weight=4.0)
    assert (cut.high - cut.profit - cut.bias_high) / cut.error == pytest.approx(1.644854, abs=1e-4)
    whole = estimate(log, policy)
    assert (whole.high - whole.profit) / whole.error == pytest.approx(1.959964, abs=1e-6)


chance = st.floats(0.1, 0.9)
amount = st.floats(-20.0, 20.0)


@given(
    st.lists(st.tuples(chance, chance, amount, amount, amount, amount), min_size=2, max_size=3),
    st.sampled_from([1.5, 100.0]),
)
def test_on_average_over_every_draw_it_is_what_the_policy_earns_up_to_the_bias_it_states(rows, largest) -> None:
    logged, wanted, *amounts = map(np.array, zip(*rows, strict=True))
    profit, predicted = np.column_stack(amounts[:2]), np.column_stack(amounts[2:])
    chances, policy = np.column_stack([logged, 1 - logged]), np.column_stack([wanted, 1 - wanted])
    mean = low = high = 0.0
    for chosen in itertools.product([0, 1], repeat=len(rows)):
        place = np.arange(len(rows)), np.array(chosen)
        log = log_of(chosen, chances, profit[place], predicted, -20.0, 20.0)
        answer = estimate(log, policy, largest_weight=largest)
        likely = chances[place].prod()
        mean += likely * answer.profit
        low, high = answer.bias_low, answer.bias_high
    truth = (policy * profit).sum()
    if largest > 10.0:
        assert mean == pytest.approx(truth, abs=1e-6)
    assert mean + low - 1e-6 <= truth <= mean + high + 1e-6


def test_a_policy_earns_nothing_more_than_itself() -> None:
    answer = estimate(log_of([0, 1, 0, 1], EVEN, [10, 0, 4, 2]), FIRST, against=FIRST)
    assert (answer.profit, answer.low, answer.high, answer.error) == (0.0, 0.0, 0.0, 0.0)
    assert not answer.is_proven


def test_the_gain_is_the_difference_of_the_two_profits() -> None:
    log = log_of([0, 1, 0, 1], EVEN, [10, 0, 4, 2], predicted=[3.0, 1.0])
    second = policy_of(np.ones(4, dtype=np.int64), 2)
    gain = estimate(log, FIRST, against=second)
    assert gain.profit == pytest.approx(estimate(log, FIRST).profit - estimate(log, second).profit)


def test_several_decisions_of_one_customer_are_one_witness() -> None:
    rng = np.random.default_rng(1)
    chosen, profit = rng.integers(0, 2, 500), rng.normal(5.0, 3.0, 500)
    once = log_of(chosen, np.full((500, 2), 0.5), profit)
    twice = log_of(np.tile(chosen, 2), np.full((1000, 2), 0.5), np.tile(profit, 2), customer=np.tile(np.arange(500), 2))
    policy = policy_of(np.zeros(500, dtype=np.int64), 2)
    assert estimate(twice, np.tile(policy, (2, 1))).error == pytest.approx(2 * estimate(once, policy).error)


def test_what_was_never_tried_is_refused_and_a_little_of_it_is_bounded() -> None:
    chances = np.vstack([np.tile([0.5, 0.5], (990, 1)), np.tile([0.0, 1.0], (10, 1))])
    chosen = np.concatenate([np.arange(990) % 2, np.ones(10, dtype=np.int64)])
    policy = policy_of(np.zeros(1000, dtype=np.int64), 2)
    log = log_of(chosen, chances, np.ones(1000), predicted=1.0, least=-2.0, most=8.0)
    refused = off_policy(log, policy, most_unsupported=0.005)
    assert isinstance(refused, OffPolicyRefusal)
    assert (refused.reason, refused.unsupported) == ("no_support", 0.01)
    answer = estimate(log, policy)
    assert (answer.bias_low, answer.bias_high) == pytest.approx((10 * -3.0, 10 * 7.0))


def test_a_small_effective_sample_is_refused() -> None:
    refused = off_policy(log_of([0, 1, 0, 1], EVEN, [10, 0, 4, 2]), FIRST)
    assert isinstance(refused, OffPolicyRefusal)
    assert (refused.reason, refused.effective, refused.needed_effective) == ("too_few", 2.0, 200.0)


def test_answers_become_documents_under_the_names_of_the_policies() -> None:
    log = log_of([0, 1, 0, 1], EVEN, [10, 0, 4, 2])
    kept = policy_profit(estimate(log, FIRST), policy="programme", against="risk rule")
    refused = policy_profit(off_policy(log, FIRST), policy="programme")
    assert (kept.kind, kept.against, kept.profit) == ("estimate", "risk rule", pytest.approx(28.0))
    assert (refused.kind, refused.against, refused.reason) == ("refusal", None, "too_few")


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"probability": [[0.5, 0.4]] * 4}, "probability"),
        ({"probability": [[0.0, 1.0]] * 4}, "probability"),
        ({"probability": [[-0.5, 1.5]] * 4}, "probability"),
        ({"chosen": [0, 1, 0, 2]}, "chosen"),
        ({"chosen": [0, 1]}, "chosen"),
        ({"profit": [1.0, math.nan, 0.0, 0.0]}, "profit"),
    ],
)
def test_a_log_that_cannot_be_is_refused_by_name(change, place) -> None:
    with pytest.raises(DataError) as error:
        log_of(**{"chosen": [0, 1, 0, 1], "probability": EVEN, "profit": [1.0, 2.0, 3.0, 4.0]} | change)
    assert error.value.where == place


def test_a_policy_whose_chances_do_not_add_up_is_refused() -> None:
    with pytest.raises(DataError, match="add up to 1"):
        off_policy(log_of([0, 1, 0, 1], EVEN, [1, 2, 3, 4]), EVEN * 0.9)


def test_an_offer_whose_saves_are_worth_more_may_earn_more_than_the_customer_is_worth() -> None:
    """A yearly contract of 300 for somebody worth 100 who leaves with 40 %: 60 stay worth 100, 40 are worth 300."""
    own = np.array([300.0, 50.0, np.nan])
    most = most_of_arms(np.array([100.0, 200.0]), np.array([0.4, 0.5]), own)
    assert most.tolist() == [[180.0, 100.0, 100.0], [250.0, 200.0, 200.0]]


def test_an_offer_of_its_own_worth_is_judged_by_it_also_where_others_were_left_alone() -> None:
    """Customers of 100 leave with 60 %; an offer keeps half of those, whose saves are worth 400: it earns 120 a customer."""
    rng = np.random.default_rng(3)
    n, p = 40_000, 0.6
    churn, chosen = np.full(n, p), rng.integers(0, 2, n)
    left = rng.random(n) < np.where(chosen == 0, p / 2, p)
    value = np.where(chosen == 0, 400.0, 100.0)  # as a log keeps it: by the terms of what was done
    expected = np.column_stack([np.full(n, 0.3 * 400.0), np.zeros(n)])
    most = most_of_arms(value, churn, np.array([400.0, np.nan]))
    predicted = np.clip(expected + (value * (1 - churn))[:, None], 0.0, most)
    log = DecisionLog(chosen, np.full((n, 2), 0.5), value * ~left, predicted, np.zeros((n, 2)), most)
    gain = off_policy(log, policy_of(np.zeros(n, dtype=np.int64), 2), against=policy_of(np.ones(n, dtype=np.int64), 2))
    assert isinstance(gain, OffPolicyEstimate)
    assert gain.low < 120.0 * n < gain.high
