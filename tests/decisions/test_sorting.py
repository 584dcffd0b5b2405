"""The packed sorts give the order that an index sort gives, ties and last bits included."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from churn.decisions.threshold import count_hits, falling_order, weighted_sum

probabilities = st.lists(st.floats(0.0, 1.0) | st.sampled_from([0.0, -0.0, 0.3, 1.0, 5e-324]), min_size=1, max_size=60)


@given(probabilities)
def test_the_falling_order_is_that_of_a_stable_index_sort(values):
    p = np.array(values)
    assert falling_order(p).tolist() == np.argsort(-p, kind="stable").tolist()


@pytest.mark.parametrize("steps", [1, 3, 50, 10_000])
def test_rows_that_differ_in_the_last_bits_alone_are_put_right(steps):
    rng = np.random.default_rng(1)
    p = 0.3 + rng.integers(0, steps, 5_000) * 2.0**-54
    assert np.array_equal(falling_order(p), np.argsort(-p, kind="stable"))


@given(probabilities, st.randoms(use_true_random=False))
def test_hits_are_counted_as_by_hand(values, random):
    p = np.array(values)
    truth = np.array([random.random() < 0.5 for _ in values])
    threshold, contacts, hits = count_hits(p, truth)
    assert threshold.tolist() == sorted(set(np.abs(p).tolist()), reverse=True)
    assert contacts.tolist() == [int((p >= t).sum()) for t in threshold]
    assert hits.tolist() == [int(truth[p >= t].sum()) for t in threshold]


def test_weighted_sums_span_blocks():
    a, b = np.arange(70_000), np.linspace(0, 1, 70_000)
    assert np.allclose(weighted_sum((2.0, a), (-3.0, b)), 2 * a - 3 * b)
