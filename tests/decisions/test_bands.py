from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from churn.decisions.bands import BANDS, percentiles, risk_bands

BOUNDS = (0.1, 0.2, 0.4)
probabilities = st.lists(st.floats(0, 1), min_size=1, max_size=50).map(
    lambda values: np.asarray(values, dtype=np.float64)
)


def names(p: list[float], previous: list[int] | None = None, margin: float = 0.02) -> list[str]:
    before = None if previous is None else np.asarray(previous, dtype=np.int64)
    found = risk_bands(np.asarray(p), bounds=BOUNDS, margin=margin, previous=before)
    return [BANDS[i] for i in found]


def test_a_bound_belongs_to_the_band_above_it():
    assert names([0.09, 0.1, 0.2, 0.4]) == ["low", "medium", "high", "critical"]


def test_a_customer_stays_in_a_band_until_the_probability_has_clearly_left_it():
    assert names([0.19, 0.17], previous=[2, 2]) == ["high", "medium"]


def test_a_customer_rises_at_once():
    assert names([0.2], previous=[0]) == ["high"]


def test_a_customer_not_seen_before_gets_the_plain_band():
    assert names([0.19], previous=[-1]) == ["medium"]


def test_a_fall_over_several_bands_ends_where_the_probability_is():
    assert names([0.01], previous=[3]) == ["low"]


@given(probabilities)
def test_the_same_probabilities_again_move_nobody(p):
    first = risk_bands(p, bounds=BOUNDS, margin=0.02)
    assert (risk_bands(p, bounds=BOUNDS, margin=0.02, previous=first) == first).all()


@given(probabilities, st.integers(0, 3))
def test_memory_never_lowers_a_band_and_lifts_it_only_within_the_margin(p, before):
    plain = risk_bands(p, bounds=BOUNDS, margin=0.02)
    kept = risk_bands(p, bounds=BOUNDS, margin=0.02, previous=np.full(p.size, before))
    assert (kept >= plain).all()
    lifted = kept > plain
    assert (p[lifted] >= np.asarray(BOUNDS)[kept[lifted] - 1] - 0.02).all()


@given(probabilities)
def test_percentiles_lie_in_1_to_100_and_rise_with_risk(p):
    found = percentiles(p)
    assert found.min() >= 1
    assert found.max() == 100
    order = np.argsort(p, kind="stable")
    assert (np.diff(found[order]) >= 0).all()


def test_no_customers_have_no_percentiles():
    assert percentiles(np.zeros(0)).size == 0
