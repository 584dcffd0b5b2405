"""MPC and EMPC against the published example and against brute-force integration."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import integrate, stats

from churn.decisions.profit_metrics import empc_score, mpc_score
from churn.errors import ConfigError, DataError

Y = [0, 1, 0, 1, 0, 1, 0, 1]
S = [0.1, 0.2, 0.3, 0.4, 0.5, 0.7, 0.8, 0.9]


@st.composite
def ranked(draw):
    n = draw(st.integers(2, 40))
    y = np.array(draw(st.lists(st.booleans(), min_size=n, max_size=n)))
    assume(0 < y.sum() < n)
    return y, np.array(draw(st.lists(st.integers(0, 9), min_size=n, max_size=n))) / 10


def profits(y, s, gamma, clv, d, f):
    """Profit per customer of every cut at one success rate, straight from the definition."""
    cuts = [np.inf, *sorted(set(s.tolist()), reverse=True)]
    return np.array(
        [
            clv * (gamma * (1 - d / clv) - f / clv) * np.mean((s >= t) & y) - (d + f) * np.mean((s >= t) & ~y)
            for t in cuts
        ]
    )


def test_the_published_example_holds_to_its_digits():
    assert mpc_score(Y, S) == pytest.approx((23.875, 0.875), abs=1e-12)
    value, share = empc_score(Y, S)
    assert round(value, 9) == 23.875593418
    assert round(share, 6) == 0.874370


@given(ranked())
@settings(max_examples=25, deadline=None)
@pytest.mark.slow  # much arithmetic
def test_empc_equals_brute_force_integration(data):
    y, s = data

    gammas = np.linspace(0, 1, 4_001)
    envelope = np.max([profits(y, s, g, 200.0, 10.0, 1.0) for g in gammas[::20]], axis=1)
    best = np.interp(gammas, gammas[::20], envelope)
    judge = integrate.simpson(best * stats.beta.pdf(gammas, 6, 14), x=gammas)
    assert empc_score(y, s)[0] == pytest.approx(judge, abs=5e-3)


@given(ranked())
def test_mpc_is_the_best_cut_at_the_mean_success_rate(data):
    y, s = data
    assert mpc_score(y, s)[0] == pytest.approx(profits(y, s, 0.3, 200.0, 10.0, 1.0).max(), abs=1e-9)


@given(ranked())
def test_empc_is_at_least_mpc_and_at_most_the_perfect_ranking(data):
    y, s = data
    empc, share = empc_score(y, s)
    assert empc >= mpc_score(y, s)[0] - 1e-9  # the mean of a maximum is at least the maximum of the mean
    assert empc <= empc_score(y, y.astype(float))[0] + 1e-9
    assert 0.0 <= share <= 1.0


@given(ranked())
def test_only_the_order_of_scores_counts_and_not_the_order_of_rows(data):
    y, s = data
    one = empc_score(y, s)
    assert empc_score(y, np.exp(3 * s)) == pytest.approx(one, abs=1e-9)
    assert empc_score(y[::-1], s[::-1]) == pytest.approx(one, abs=1e-9)


@given(ranked(), st.floats(0.1, 10))
def test_another_currency_scales_the_metric(data, rate):
    y, s = data
    one, other = empc_score(y, s), empc_score(y, s, clv=200 * rate, incentive_cost=10 * rate, contact_cost=rate)
    assert other == pytest.approx((one[0] * rate, one[1]), rel=1e-9, abs=1e-9)


def test_free_contacts_reach_every_churner_and_nobody_below_the_last():
    assert empc_score(Y, S, incentive_cost=0, contact_cost=0) == pytest.approx((200 * 0.3 * 0.5, 0.875))


def test_constant_scores_earn_what_contacting_all_or_nobody_earns():
    y = np.array([1, 0, 0, 0])
    assert mpc_score(y, np.zeros(4))[0] == pytest.approx(max(0.0, 200 * 0.28 * 0.25 - 11 * 0.75))


def test_one_class_or_an_incentive_above_the_value_is_refused():
    with pytest.raises(DataError):
        empc_score([0, 0], [0.1, 0.2])
    with pytest.raises(ConfigError):
        empc_score(Y, S, clv=5.0)
