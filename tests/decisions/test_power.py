"""Sample sizes to the published digits, and power and detectable effect that agree with them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from churn.decisions.power import (
    minimum_detectable_effect,
    power_of,
    price_of_holdout,
    sample_size_per_arm,
    sample_sizes,
)
from churn.errors import ConfigError

rates = st.floats(0.01, 0.99)


@pytest.mark.parametrize(
    ("before", "after", "needed"),
    [(0.08, 0.07, 10_890), (0.08, 0.06, 2_554), (0.30, 0.27, 3_554), (0.30, 0.24, 859), (0.40, 0.24, 133)],
)
def test_sample_sizes_are_the_published_ones(before, after, needed):
    assert sample_size_per_arm(before, after) == needed
    assert sample_sizes(before, after) == (needed, needed)


def test_a_holdout_of_ten_percent_needs_1953_and_17575():
    assert sample_sizes(0.30, 0.27, ratio=9) == (1_953, 17_575)
    assert sample_size_per_arm(0.30, 0.27, ratio=9) == 1_953


@given(
    st.integers(2, 48).map(lambda p: p / 50),
    st.integers(2, 48).map(lambda p: p / 50),
    st.sampled_from([0.5, 1.0, 4.0, 9.0]),
    st.sampled_from([0.5, 0.8, 0.95]),
)
def test_a_sample_of_that_size_has_that_power(before, after, ratio, power):
    after += 0.02 if after == before else 0.0
    first, second = sample_sizes(before, after, power=power, ratio=ratio)
    found = power_of(before, after, first, second)
    assert found >= power - 1e-3
    if min(first, second) > 100:  # of fewer, one more makes a difference
        assert found == pytest.approx(power, abs=0.02)


@given(rates, st.integers(50, 50_000), st.integers(50, 50_000))
def test_the_detectable_effect_is_found_with_the_power_asked_for(rate, treated, held):
    effect = minimum_detectable_effect(rate, treated, held)
    if effect is None:
        assert power_of(rate, 0.0, held, treated) < 0.8
    else:
        assert power_of(rate, rate - effect, held, treated) == pytest.approx(0.8, abs=1e-6)


def test_the_detectable_effect_of_the_published_holdout_is_three_points():
    assert minimum_detectable_effect(0.30, 17_575, 1_953) == pytest.approx(0.03, abs=1e-5)


def test_a_bigger_holdout_detects_more_until_half_are_held_out():
    found = [minimum_detectable_effect(0.3, 10_000 * (1 - s), 10_000 * s) for s in (0.05, 0.1, 0.3, 0.5)]
    assert found == sorted(found, reverse=True)


def test_without_a_holdout_nothing_is_detectable():
    assert power_of(0.3, 0.2, 0, 1_000) == 0.0
    assert minimum_detectable_effect(0.3, 1_000, 0) is None
    assert minimum_detectable_effect(0.1, 1_000, 3) is None
    assert minimum_detectable_effect(0.0, 1_000, 1_000) is None


def test_churn_that_is_certain_to_end_is_certain_to_be_seen():
    assert power_of(1.0, 0.0, 100, 100) == 1.0
    assert power_of(0.0, 0.0, 100, 100) == 0.0


def test_a_holdout_is_priced_beside_what_it_teaches():
    price = price_of_holdout(10_000, 0.1, churn_rate=0.3, expected_effect=0.03, expected_profit=4.0, value=69.16)
    assert (price.holdout, price.treatment, price.profit_forgone) == (1_000, 9_000, 4_000.0)
    assert price.customers_needed == 1_953 + 17_575
    assert price.power == pytest.approx(power_of(0.3, 0.27, 1_000, 9_000))
    assert price.minimum_detectable_effect == minimum_detectable_effect(0.3, 9_000, 1_000)
    assert price.half_width == pytest.approx(1.959964 * (0.3 * 0.7 / 1_000 + 0.27 * 0.73 / 9_000) ** 0.5)
    assert price.profit_half_width == pytest.approx(price.half_width * 9_000 * 69.16)


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_holding_out_nobody_or_everybody_teaches_nothing(share):
    price = price_of_holdout(100, share, churn_rate=0.3, expected_effect=0.03, expected_profit=4.0, value=10.0)
    assert price.profit_forgone == 400.0 * share
    assert (price.power, price.minimum_detectable_effect, price.customers_needed) == (0.0, None, None)
    assert price.half_width == float("inf")


def test_an_effect_of_nothing_needs_no_number_of_customers():
    price = price_of_holdout(1_000, 0.1, churn_rate=0.3, expected_effect=0.0, expected_profit=1.0)
    assert price.customers_needed is None


@pytest.mark.parametrize(
    "arguments",
    [
        {"p1": 0.3, "p2": 0.3},
        {"p1": 1.3, "p2": 0.3},
        {"p1": 0.3, "p2": 0.2, "alpha": 0.0},
        {"p1": 0.3, "p2": 0.2, "power": 80},
        {"p1": 0.3, "p2": 0.2, "ratio": 0.0},
    ],
)
def test_questions_without_an_answer_are_refused(arguments):
    with pytest.raises(ConfigError):
        sample_size_per_arm(**arguments)


def test_a_share_beyond_everybody_is_refused():
    with pytest.raises(ConfigError, match="share"):
        price_of_holdout(100, 1.5, churn_rate=0.3, expected_effect=0.03, expected_profit=4.0)
