from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from churn.decisions.drift import (
    ACT_LIMIT,
    FLOOR,
    common_levels,
    count_levels,
    count_numbers,
    drift_severity,
    filled_bins,
    moved_share,
    psi,
    psi_noise,
    quantile_edges,
)
from churn.errors import ConfigError, DataError


def test_psi_is_the_sum_over_bins_worked_out_by_hand():
    # shares .5/.5 against .25/.75: (-.25) ln .5 + .25 ln 1.5
    expected = -0.25 * np.log(0.5) + 0.25 * np.log(1.5)

    assert psi([50, 50], [25, 75]) == pytest.approx(expected)


@pytest.mark.parametrize(("rows", "limit"), [(200, 0.169), (1_000, 0.034), (120_000, 0.00028)])
def test_the_noise_of_ten_bins_at_95_percent_is_that_of_the_books(rows, limit):
    assert float(f"{psi_noise(rows, rows, 10, level=0.95):.2g}") == pytest.approx(float(f"{limit:.2g}"))
    assert psi_noise(rows, rows, 10, level=0.95) == pytest.approx(16.918978 * 2 / rows)


def test_without_drift_psi_exceeds_its_limit_about_as_often_as_stated():
    random = np.random.default_rng(1)
    edges = quantile_edges(random.normal(size=200_000))
    limit = psi_noise(2_000, 2_000, 10, level=0.95)
    passed = 0
    for _ in range(300):
        one, other = (count_numbers(random.normal(size=2_000), edges) for _ in range(2))
        passed += psi(one, other) > limit
    assert 0.02 < passed / 300 < 0.085


def test_looking_at_many_features_widens_the_limit_so_that_all_together_err_as_stated():
    alone, among = (psi_noise(1_500, 1_500, 10, level=0.95, tests=tests) for tests in (1, 119))
    random = np.random.default_rng(2)
    edges = quantile_edges(random.normal(size=200_000))
    days = 0
    for _ in range(12):
        values = [
            psi(*(count_numbers(random.normal(size=1_500), edges) for _ in range(2))) for _ in range(119)
        ]  # one day of 119 quiet features
        days += max(values) > among
    assert among > alone
    assert days <= 3  # 5 % of 12 days are less than one; 119 single limits would be passed on every day


def test_bins_have_open_ends_and_missing_values_one_of_their_own():
    edges = quantile_edges(np.arange(1.0, 101.0), bins=4)

    assert edges == (25.0, 50.0, 75.0)
    counts = count_numbers(np.array([-np.inf, 25.0, 26.0, 1e9, np.inf, np.nan]), edges)
    assert counts.tolist() == [2, 1, 0, 2, 1]


def test_values_that_repeat_make_fewer_bins_and_none_that_is_empty():
    values = np.array([0.0] * 950 + [1.0] * 30 + [7.0] * 20)

    edges = quantile_edges(values)

    assert edges == (0.0,)
    assert quantile_edges(np.array([0.0] * 5 + [3.0] * 995)) == (0.0,)
    assert quantile_edges(np.full(10, 4.0)) == ()
    assert quantile_edges(np.array([np.nan])) == ()


def test_an_empty_bin_counts_with_the_floor():
    assert psi([100, 0], [50, 50]) == pytest.approx((0.5 - 1) * np.log(0.5) + (0.5 - FLOOR) * np.log(0.5 / FLOOR))


def test_categories_beyond_the_commonest_share_a_bin_and_new_ones_fall_there():
    counts = {"b": 5, "a": 5, "c": 1, "d": 9}

    levels = common_levels(counts, most=2)

    assert levels == ("d", "a")
    assert count_levels({"a": 1, "new": 4}, levels, missing=2).tolist() == [0, 1, 4, 2]


@pytest.mark.parametrize(
    ("value", "noise", "rows", "said"),
    [
        (0.05, 0.01, 5_000, "ok"),
        (0.11, 0.01, 5_000, "watch"),
        (0.26, 0.01, 5_000, "act"),
        (0.30, 0.40, 5_000, "ok"),  # noise alone would give that
        (9.99, 0.01, 999, "unknown"),
    ],
)
def test_drift_must_pass_both_what_matters_and_what_chance_explains(value, noise, rows, said):
    assert drift_severity(value, noise, rows=rows, reference_rows=5_000) == said


@given(
    hnp.arrays(np.int64, 6, elements=st.integers(0, 10_000)), hnp.arrays(np.int64, 6, elements=st.integers(0, 10_000))
)
def test_psi_is_never_negative_and_the_same_both_ways(one, other):
    if not one.sum() or not other.sum():
        with pytest.raises(DataError, match="holds no rows"):
            psi(one, other)
        return
    assert psi(one, other) >= 0.0
    assert psi(one, other) == pytest.approx(psi(other, one))
    assert psi(one, one) == 0.0
    assert 0.0 <= moved_share(one, other) <= 1.0
    assert filled_bins(one, other) <= 6


@given(hnp.arrays(np.float64, st.integers(1, 300), elements=st.floats(allow_nan=True, allow_infinity=True)))
def test_every_value_falls_into_one_bin(values):
    edges = quantile_edges(values)

    assert list(edges) == sorted(set(edges))
    assert count_numbers(values, edges).sum() == values.size
    assert len(edges) <= 9


def test_wrong_asking_is_told():
    with pytest.raises(ConfigError, match="not a number of bins"):
        quantile_edges([1.0], bins=0)
    with pytest.raises(ConfigError, match="give no limit"):
        psi_noise(0, 10, 10)
    with pytest.raises(DataError, match="cannot be compared"):
        psi([1, 2], [1, 2, 3])
    with pytest.raises(DataError, match="one value per customer"):
        count_numbers(np.zeros((2, 2)), (0.0,))
    assert psi_noise(10, 10, 1) == 0.0
    assert ACT_LIMIT == 0.25
